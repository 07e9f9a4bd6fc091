"""Asks people about anomalies that do not end, and marks the times of which they say what it was.

A machine that has gone to another operating point for good, and one with a fault, look alike to a
model: what it measures is not what it was. So when an anomaly has been open for a stated time a
person is asked. What they say counts from then on: the state is normal, or it is a fault, which is
asked about again only after a longer time.
"""

from __future__ import annotations

from hashlib import sha256
from uuid import NAMESPACE_OID, uuid5

from pydantic import BaseModel

from lineal import Context
from lineal.name_patterns import first_match
from lineal_consumers.review.config import ReviewConfig
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyOpened,
    AnomalyReviewDue,
    MachineMarked,
)
from lineal_schemas.reviews import AnomalyReviewed, ReviewRequested

_ANOMALIES = "anomaly/"
_MAX_REMEMBERED = 64
"""Of a device; the newest."""


class _Anomaly(BaseModel):
    from_us: int | None = None
    """By the device's clock; None: only its end has come yet."""
    to_us: int | None = None
    """None while it is open."""
    asked: int = 0
    """How often a person was asked since it has lasted."""
    mark: MachineMarked | None = None
    """What a person has said of it; a fault that is still there is marked until it ends."""


async def remember_begin(anomaly: AnomalyOpened, ctx: Context[ReviewConfig]) -> None:
    """Note an anomaly, and when to ask about it if it is still there."""
    known = await ctx.state.get(_key(anomaly.device, anomaly.anomaly_id), _Anomaly)
    if known is None:
        await _forget_oldest(anomaly.device, ctx)
    found = (known or _Anomaly()).model_copy(update={"from_us": anomaly.wall_us})
    await ctx.state.put(_key(anomaly.device, anomaly.anomaly_id), found)
    seconds = first_match(ctx.config.ask_after, anomaly.device)
    if found.to_us is None and ctx.config.anomalies and seconds is not None:
        _ask_in(seconds, anomaly.device, anomaly.anomaly_id, 1, ctx)


async def remember_end(anomaly: AnomalyClosed, ctx: Context[ReviewConfig]) -> MachineMarked | None:
    """Note when an anomaly ended; the fault that it was lasted until then."""
    key = _key(anomaly.device, anomaly.anomaly_id)
    known = await ctx.state.get(key, _Anomaly) or _Anomaly()
    ctx.timers.cancel(_timer(anomaly.device, anomaly.anomaly_id))
    mark = known.mark
    if mark is not None and mark.fault is not None and mark.from_us < anomaly.wall_us:
        mark = mark.model_copy(update={"to_us": anomaly.wall_us, "marked_us": ctx.now()})
    else:
        mark = None
    kept = known.model_copy(update={"to_us": anomaly.wall_us, "mark": mark})
    await ctx.state.put(key, kept)
    return mark


async def lasting_request(
    due: AnomalyReviewDue, ctx: Context[ReviewConfig]
) -> ReviewRequested | None:
    """What to ask about an anomaly that is still open."""
    key = _key(due.device, due.anomaly_id)
    known = await ctx.state.get(key, _Anomaly)
    if known is None or known.to_us is not None:
        return None
    await ctx.state.put(key, known.model_copy(update={"asked": due.number}))
    basis = sha256(f"{due.anomaly_id}\nlasting\n{due.number}".encode()).hexdigest()
    return ReviewRequested(
        subject=f"device:{due.device}",
        target="anomaly",
        of=due.anomaly_id,
        basis=basis,
        reason="lasting",
    )


async def mark_of_answer(
    answer: AnomalyReviewed, ctx: Context[ReviewConfig]
) -> MachineMarked | None:
    """The mark that follows from an answer: the time of the anomaly had this fault, or where one
    that lasts was asked about, was normal. What is called an anomaly without a name has none."""
    key = _key(answer.device, answer.anomaly_id)
    known = await ctx.state.get(key, _Anomaly)
    if known is None or known.from_us is None:
        return None
    if answer.verdict == "anomaly" and known.to_us is None:
        again = ctx.config.ask_again_hours * 3600
        _ask_in(again, answer.device, answer.anomaly_id, known.asked + 1, ctx)
    elif answer.verdict == "normal":
        ctx.timers.cancel(_timer(answer.device, answer.anomaly_id))
    if answer.fault is None and not (answer.verdict == "normal" and known.asked):
        return None
    end = known.to_us if known.to_us is not None else answer.reviewed_us
    mark = MachineMarked(
        device=answer.device,
        mark=known.mark.mark if known.mark is not None else _mark_id(answer),
        fault=answer.fault if answer.verdict == "anomaly" else None,
        from_us=known.from_us,
        to_us=max(end, known.from_us + 1),
        by=answer.by,
        marked_us=answer.reviewed_us,
    )
    await ctx.state.put(key, known.model_copy(update={"mark": mark}))
    return mark


def _ask_in(
    seconds: float, device: str, anomaly_id: str, number: int, ctx: Context[ReviewConfig]
) -> None:
    due = AnomalyReviewDue(device=device, anomaly_id=anomaly_id, number=number)
    ctx.timers.set(_timer(device, anomaly_id), ctx.now() + round(seconds * 1e6), due)


async def _forget_oldest(device: str, ctx: Context[ReviewConfig]) -> None:
    kept = await ctx.state.items(f"{_ANOMALIES}{device}/", _Anomaly)
    superfluous = len(kept) - _MAX_REMEMBERED + 1
    for key, _ in sorted(kept, key=lambda pair: pair[1].from_us or 0)[: max(0, superfluous)]:
        await ctx.state.delete(key)


def _mark_id(answer: AnomalyReviewed) -> str:
    # With the device: what is said of an id that another one claims is not to replace its mark.
    return str(uuid5(NAMESPACE_OID, f"lineal anomaly {answer.device} {answer.anomaly_id}"))


def _timer(device: str, anomaly_id: str) -> str:
    # A device may say any id: it is not to reach the question about another one's anomaly.
    return f"anomaly/{device}/{anomaly_id}"


def _key(device: str, anomaly_id: str) -> str:
    return f"{_ANOMALIES}{device}/{anomaly_id}"
