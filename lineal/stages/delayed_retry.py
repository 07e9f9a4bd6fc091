"""Makes the step result of an event that failed and is tried again after a delay.

The delay is kept by the store's timers, whichever bus there is: a row is written with the result
and blocks no partition, where a topic for each delay would hold back what is due behind what is
not, and SQS FIFO can delay no single message. The event comes back on the stage's redrive topic,
which its group reads anyway and no other group sees.
"""

from __future__ import annotations

from lineal.effects.retries import RetryDelayed, RetryEnded, retry_owner, retry_timer
from lineal.effects.timers import TimerSet
from lineal.stages.dead_letter import effects_of_failure, failure_fields
from lineal.stages.pipeline import Invocation
from lineal.stages.pipeline.invocation import Retried
from lineal.stages.result import StepResult

NEXT_ATTEMPT_SECONDS = "next_attempt_seconds"
"""Attribute of a step that failed and is delayed: after how long the event is tried again."""


def delayed_result(stage: str, failed: Invocation, seconds: float, now: int) -> StepResult:
    """The result of an attempt that failed.

    Args:
        seconds: after which the event is tried again.
        now: microseconds since the Unix epoch.
    """
    assert failed.error is not None
    assert failed.record is not None
    before = failed.retried or Retried()
    delay = round(seconds * 1e6)
    event = failed.event
    # As it was delivered, large data still put away; but nobody answers for what an unmarked one
    # says of its sender.
    exact = failed.delivery.event._replace(actor=event.actor, mark=None).to_json(exact=True)
    effects = [
        *effects_of_failure(failed),
        TimerSet(retry_owner(stage), retry_timer(event.source, event.id), now + delay, exact),
        RetryDelayed(
            stage, event.source, event.id, failed.position,
            first=not before.delays, attempts=failed.attempts, delays=before.delays + 1,
            delayed=before.delayed + delay, due=now + delay,
        ),
    ]  # fmt: skip
    error, reason = failure_fields(failed.error)
    (entry,) = failed.record.steps
    record = failed.record.replace_step(
        outcome="delayed",
        error=error,
        reason=reason,
        emitted=(),
        events_out=(),
        attributes={**entry.attributes, NEXT_ATTEMPT_SECONDS: round(seconds)},
    )
    return StepResult(failed.delivery, (), effects, record)


def ended_as_dead_letter(stage: str, failed: Invocation) -> RetryEnded:
    """That an event which had waited is given up."""
    event = failed.event
    return RetryEnded(stage, event.source, event.id, failed.position, "dead letter", failed.began)
