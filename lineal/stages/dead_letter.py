"""Makes the step result of an event that failed for good: its dead letter, the event that says so,
and its record."""

from __future__ import annotations

import traceback

from lineal.bus.dead_letter_event import dead_letter_event, event_failed
from lineal.bus.protocol import Delivery
from lineal.bus.topic_names import dead_letter_topic
from lineal.effects.effect import Effect
from lineal.effects.objects import ObjectPut
from lineal.effects.seen import Seen
from lineal.errors import ObjectCorrupt, ObjectMissing, Reject
from lineal.lineage.record import Artifact, Record, digest
from lineal.stages.declaration import Stage
from lineal.stages.pipeline import Invocation
from lineal.stages.pipeline.held_keys import KeyWaits
from lineal.stages.result import StepResult
from lineal.workers.errors import WorkerCrashed, WorkerOutOfMemory, WorkerTimeout
from lineal_schemas.envelope import RawEvent

_TRACEBACK_CHARACTERS = 8_000
_MESSAGE_CHARACTERS = 2_000
_WITHOUT_PERSONAL_DATA = (
    Reject, WorkerCrashed, WorkerTimeout, WorkerOutOfMemory, ObjectMissing, ObjectCorrupt,
    KeyWaits,
)  # fmt: skip
"""Errors whose text the ledger keeps. Of others it keeps the class only; the dead letter, which can
be erased, has the text."""


def dead_letter_result(stage: Stage, failed: Invocation) -> StepResult:
    """The result of a stage's event that is given up: its dead letter, and the event that says so
    on the topic of all failures."""
    error = failed.error
    assert error is not None
    assert failed.record is not None
    result = dead_letter_of(stage.name, failed.delivery, failed.record, error, failed.attempts)
    ((_, letter),) = result.outputs
    failure = event_failed(
        stage.name, [payload.type for payload in stage.produces], failed.delivery.event, letter,
        error=failure_fields(error),
    )  # fmt: skip
    assert result.record is not None
    (entry,) = result.record.steps
    record = result.record.replace_step(
        outputs=(*entry.outputs, _artifact(failure, "event")),
        events_out=(*entry.events_out, failure.id),
    )
    return result._replace(
        outputs=[*result.outputs, (failure.type, failure)],
        effects=effects_of_failure(failed),
        record=record,
    )


def effects_of_failure(failed: Invocation) -> list[Effect]:
    """What takes effect of an attempt that failed: the record names the objects that were made
    until then; other changes did not happen."""
    made = () if failed.step is None else failed.step.effects
    kept: list[Effect] = [effect for effect in made if isinstance(effect, ObjectPut)]
    return kept + [effect for effect in failed.effects if isinstance(effect, Seen)]


def failure_fields(error: Exception) -> tuple[str, str | None]:
    """The class of an error, and its text if the ledger keeps it."""
    text = _message(error) if isinstance(error, _WITHOUT_PERSONAL_DATA) else None
    return _class_name(error), text


def dead_letter_of(
    group: str, delivery: Delivery, record: Record, error: Exception, attempts: int
) -> StepResult:
    """The result that publishes a delivery's event, unchanged, on the group's dead-letter topic."""
    letter = _dead_letter(group, delivery, error, attempts)
    (entry,) = record.steps
    error_class, reason = failure_fields(error)
    failed = record.replace_step(
        outcome="rejected" if isinstance(error, Reject) else "failed",
        error=error_class,
        reason=reason,
        attempt=attempts,
        outputs=(*entry.outputs, _artifact(letter, "dead-letter")),
        emitted=(),
        events_out=(letter.id,),
    )
    return StepResult(delivery, [(dead_letter_topic(group), letter)], (), failed)


def _artifact(event: RawEvent, role: str) -> Artifact:
    return Artifact(digest(event.data), event.datacontenttype, len(event.data), role)


def _dead_letter(group: str, delivery: Delivery, error: Exception, attempts: int) -> RawEvent:
    trace = _storable("".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:])
    return dead_letter_event(
        group,
        delivery.position,
        delivery.event,
        error_class=_class_name(error),
        message=_message(error),
        attempts=attempts,
        traceback=None if isinstance(error, Reject) else trace,
    )


def _message(error: Exception) -> str:
    return _storable(str(error)[:_MESSAGE_CHARACTERS])


def _storable(text: str) -> str:
    """Text without lone surrogates: file names that are not UTF-8 have them, no JSON takes them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _class_name(error: Exception) -> str:
    return type(error).__name__
