"""A stretch of readings without its beginning."""

from __future__ import annotations

from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings


def cut(said: TelemetryReadings | TelemetryGap, first_seq: int) -> TelemetryReadings | TelemetryGap:
    """The stretch from reading ``first_seq`` on, which lies within it; clocks moved along."""
    if isinstance(said, TelemetryGap):
        return said.model_copy(update={"first_seq": first_seq})
    known = first_seq - said.first_seq
    begins = said.offsets_us[known]
    return said.model_copy(
        update={
            "first_seq": first_seq,
            "monotonic_us": said.monotonic_us + begins,
            "wall_us": said.wall_us + begins,
            "offsets_us": tuple(offset - begins for offset in said.offsets_us[known:]),
            "values": said.values[known:],
        }
    )
