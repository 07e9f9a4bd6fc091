"""Trims a range of readings that overlaps what is known already."""

from __future__ import annotations

from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings


def trim(
    message: TelemetryReadings | TelemetryGap, first_seq: int
) -> TelemetryReadings | TelemetryGap:
    """The part of a range from reading ``first_seq`` on, with its clock moved accordingly."""
    if isinstance(message, TelemetryGap):
        return message.model_copy(update={"first_seq": first_seq})
    known = first_seq - message.first_seq
    begins = message.offsets_us[known]
    return message.model_copy(
        update={
            "first_seq": first_seq,
            "monotonic_us": message.monotonic_us + begins,
            "wall_us": message.wall_us + begins,
            "offsets_us": tuple(offset - begins for offset in message.offsets_us[known:]),
            "values": message.values[known:],
        }
    )
