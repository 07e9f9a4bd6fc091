"""Derived ids: the same cause always gives the same id, so duplicates are recognised.

All ids are RFC 9562 version-5 UUIDs in their canonical text form. They are computed with
hashlib rather than :func:`uuid.uuid5`, which costs twice as much and sits on the hot path.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha1, sha256

ID_BYTES = 16
_CHARACTERS = 36
_NAMESPACE = bytes.fromhex("6b0e6d0a5c1f5e0b9d0c7c8b8f3a2e11")
_OUTPUT = _NAMESPACE + b"output\n"
_VARIANTS = {digit: "89ab"[int(digit, 16) & 0x3] for digit in "0123456789abcdef"}


def _uuid5(name: str) -> str:
    text = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANTS[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def source_mark(event_id: str, source: str) -> str | None:
    """What tells an event from those of other sources that have the same id; None where the id is a
    UUID, which no other event has."""
    if len(event_id) == _CHARACTERS and event_id[8:24:5] == "----":
        return None
    return _source_digest(source)


@lru_cache(maxsize=1024)
def _source_digest(source: str) -> str:
    return sha256(source.encode()).hexdigest()[:16]


def cause_id(event_id: str, mark: str | None) -> str:
    """What the ids of all that an event causes are derived from.

    Args:
        mark: :func:`source_mark`; of events that were handled by an earlier lineal None.
    """
    return event_id if mark is None else _uuid5(f"event\n{mark}\n{event_id}")


def output_digest(input_id: str, ending: bytes) -> bytes:
    """The bytes that :func:`output_id` is made of; version and variant are not set.

    Args:
        ending: :func:`output_ending`.
    """
    return sha1(_OUTPUT + input_id.encode() + ending, usedforsecurity=False).digest()[:ID_BYTES]


@lru_cache(maxsize=1024)
def output_ending(stage: str, stage_version: str, output_type: str, ordinal: int) -> bytes:
    """What :func:`output_digest` needs to know of an output beside its input."""
    return f"\n{stage}\n{stage_version}\n{output_type}\n{ordinal}".encode()


def output_id(input_id: str, stage: str, stage_version: str, output_type: str, ordinal: int) -> str:
    """The id of the ``ordinal``-th event of ``output_type`` a stage makes from one input event.

    Args:
        input_id: :func:`cause_id` of the event, or :func:`fan_in_id` of parts.
    """
    return _uuid5(f"output\n{input_id}\n{stage}\n{stage_version}\n{output_type}\n{ordinal}")


def again_id(event_id: str, token: str) -> str:
    """The id of an event that is published again on purpose; ``token`` tells one such publication
    from another, and is the same for who repeats it."""
    return _uuid5(f"again\n{len(event_id)}\n{event_id}\n{token}")


def withdrawal_id(input_id: str, stage: str, withdrawn: list[str], since: int) -> str:
    """The id of the event that withdraws outputs a stage made of one input event.

    ``since`` is when the step that made them was begun, microseconds since the Unix epoch: outputs
    that are made and withdrawn again are withdrawn under another id.
    """
    return _uuid5(f"withdrawn\n{input_id}\n{stage}\n{since}\n" + "\n".join(withdrawn))


def document_id(tenant: str, content_sha256: str) -> str:
    """The id of a document: the same bytes are the same document within a tenant."""
    return _uuid5(f"document\n{tenant}\n{content_sha256}")


def rejected_document_id(tenant: str, source: str, problem: str) -> str:
    """The id under which an arrival without readable bytes is recorded."""
    return _uuid5(f"refused\n{len(tenant)}\n{len(source)}\n{tenant}\n{source}\n{problem}")


def arrival_id(source: str, content_sha256: str, occurrence: str) -> str:
    """The id of one arrival.

    ``occurrence`` tells two arrivals of the same bytes from the same source apart (a file's
    modification time, an upload's idempotency key); a producer that retries passes the same one.
    """
    return _uuid5(f"arrival\n{len(source)}\n{source}\n{content_sha256}\n{occurrence}")


def secret_arrival_id(secret: bytes, source: str, content_sha256: str, occurrence: str) -> str:
    """:func:`arrival_id`, which who has not the secret cannot derive from source and content."""
    text = f"{len(source)}\n{source}\n{content_sha256}\n{occurrence}"
    return _uuid5(f"arrival\n{hmac.digest(secret, text.encode(), 'sha256').hex()}")


def fan_in_id(part_ids: list[str]) -> str:
    """The id of a fan-in's parts together, used like the id of one input event."""
    return _uuid5("gathered\n" + "\n".join(part_ids))


def telemetry_id(device: str, boot_id: str, first_seq: int, last_seq: int) -> str:
    """The id of a message of a device's readings stream: a batch, or a gap in its place."""
    return _uuid5(f"telemetry\n{device}\n{boot_id}\n{first_seq}\n{last_seq}")


def device_event_id(device: str, boot_id: str, event_seq: int) -> str:
    """The id of the ``event_seq``-th event (not reading) a device made since its agent started."""
    return _uuid5(f"device-event\n{device}\n{boot_id}\n{event_seq}")


def device_session_id(device: str, boot_id: str, session: int, kind: str) -> str:
    """The id of the birth or death of a device's ``session``-th connection of one boot."""
    return _uuid5(f"device-session\n{device}\n{boot_id}\n{session}\n{kind}")


def anomaly_id(device: str, model_sha256: str, boot_id: str, first_seq: int) -> str:
    """The id of an anomaly: the same on the device and on the bus, for the same model."""
    return _uuid5(f"anomaly\n{device}\n{model_sha256}\n{boot_id}\n{first_seq}")


def rollout_id(model_sha256: str, occurrence: str) -> str:
    """The id of a rollout of one model; ``occurrence`` tells two rollouts of it apart."""
    return _uuid5(f"rollout\n{model_sha256}\n{occurrence}")


def job_id(rollout: str, device: str) -> str:
    """The id of one device's job in a rollout."""
    return _uuid5(f"job\n{rollout}\n{device}")


def review_item_id(subject: str, target: str, of: str, basis: str) -> str:
    """The id of something that a person is to look at: one part of a subject, as a machine made it.

    Args:
        of: which of several of the subject; empty where there is one.
        basis: digest of what the machine made.
    """
    return _uuid5(f"review\n{subject}\n{target}\n{of}\n{basis}")
