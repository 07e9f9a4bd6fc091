"""What the stage remembers: the newest anomalies of each device, and what people said of them."""

from __future__ import annotations

from pydantic import BaseModel

from lineal import Context
from lineal_consumers.faults.config import FaultsConfig
from lineal_schemas.anomalies import (
    AnomalyClosed,
    AnomalyEvent,
    AnomalyOpened,
    AnomalyUpdated,
    FaultRecognised,
    MachineMarked,
)
from lineal_schemas.reviews import AnomalyReviewed
from lineal_scoring.fault_kinds import Example, recognise

_ANOMALIES, _MARKS = "anomaly/", "mark/"
_MAX_MARKS = 256
"""Of a device; the newest."""


class _Anomaly(BaseModel):
    model: str
    """Name of the model that found it."""
    shares: dict[str, float]
    from_us: int
    to_us: int | None = None
    """None while it is open."""
    normal: bool = False
    """A person has looked, and found nothing."""
    recognised: str | None = None
    """What was said of it last."""


async def remember(anomaly: AnomalyOpened | AnomalyUpdated, ctx: Context[FaultsConfig]) -> None:
    """Note the features that show an anomaly."""
    key = _key(anomaly)
    known = await ctx.state.get(key, _Anomaly)
    shares = {item.feature: item.share for item in anomaly.contributions}
    if known is None:
        known = _Anomaly(model=anomaly.model.name, shares=shares, from_us=anomaly.wall_us)
        await _forget_oldest(f"{_ANOMALIES}{anomaly.device}/", ctx)
    elif isinstance(anomaly, AnomalyUpdated):
        known = known.model_copy(update={"shares": shares})
    await ctx.state.put(key, known)


async def remember_end(anomaly: AnomalyClosed, ctx: Context[FaultsConfig]) -> None:
    """Note when an anomaly ended."""
    known = await ctx.state.get(_key(anomaly), _Anomaly)
    if known is not None:
        await ctx.state.put(_key(anomaly), known.model_copy(update={"to_us": anomaly.wall_us}))


async def remember_mark(mark: MachineMarked, ctx: Context[FaultsConfig]) -> None:
    """Note what a person has said of a time."""
    prefix = f"{_MARKS}{mark.device}/"
    if mark.withdrawn:
        await ctx.state.delete(f"{prefix}{mark.mark}")
        return
    await ctx.state.put(f"{prefix}{mark.mark}", mark)
    kept = await ctx.state.items(prefix, MachineMarked)
    for key, _ in sorted(kept, key=lambda pair: pair[1].marked_us)[:-_MAX_MARKS]:
        await ctx.state.delete(key)


async def remember_verdict(answer: AnomalyReviewed, ctx: Context[FaultsConfig]) -> None:
    """Note what a person has said of one anomaly."""
    key = f"{_ANOMALIES}{answer.device}/{answer.anomaly_id}"
    known = await ctx.state.get(key, _Anomaly)
    if known is not None:
        is_normal = answer.verdict == "normal"
        await ctx.state.put(key, known.model_copy(update={"normal": is_normal}))


async def is_recognised(
    anomaly: AnomalyOpened | AnomalyUpdated, ctx: Context[FaultsConfig]
) -> FaultRecognised | None:
    """What an anomaly looks like, unless that was said already."""
    known = await ctx.state.get(_key(anomaly), _Anomaly)
    assert known is not None
    examples = await _examples(anomaly, ctx)
    found = recognise(known.shares, examples, ctx.config.min_likeness, ctx.config.min_lead)
    ctx.annotate(examples=len(examples))
    name = None if found is None else found.fault or "normal"
    if found is None or name == known.recognised:
        return None
    await ctx.state.put(_key(anomaly), known.model_copy(update={"recognised": name}))
    return FaultRecognised(
        device=anomaly.device,
        anomaly_id=anomaly.anomaly_id,
        model=anomaly.model,
        fault=found.fault,
        likeness=found.likeness,
        examples=found.examples,
    )


async def _examples(anomaly: AnomalyEvent, ctx: Context[FaultsConfig]) -> list[Example]:
    """The anomalies of the same model, of all its devices, of which somebody has said something."""
    marks: dict[str, list[MachineMarked]] = {}
    for _, mark in await ctx.state.items(_MARKS, MachineMarked):
        marks.setdefault(mark.device, []).append(mark)
    own, found = _key(anomaly), []
    for key, item in await ctx.state.items(_ANOMALIES, _Anomaly):
        if key == own or item.model != anomaly.model.name:
            continue
        device = key.removeprefix(_ANOMALIES).partition("/")[0]
        over = _mark_of(item, marks.get(device, ()))
        if over is not None:
            found.append(Example(over.fault, item.shares))
        elif item.normal:
            found.append(Example(None, item.shares))
    return found


def _mark_of(
    item: _Anomaly, marks: list[MachineMarked] | tuple[MachineMarked, ...]
) -> MachineMarked | None:
    """What was said last of the time of an anomaly."""
    end = item.from_us if item.to_us is None else item.to_us
    over = [mark for mark in marks if mark.from_us <= end and item.from_us < mark.to_us]
    return max(over, key=lambda mark: mark.marked_us, default=None)


async def _forget_oldest(prefix: str, ctx: Context[FaultsConfig]) -> None:
    """Make room for one more anomaly; those that were marked are forgotten with the others."""
    kept = await ctx.state.items(prefix, _Anomaly)
    superfluous = len(kept) - ctx.config.examples + 1
    for key, _ in sorted(kept, key=lambda pair: pair[1].from_us)[: max(0, superfluous)]:
        await ctx.state.delete(key)


def _key(anomaly: AnomalyEvent) -> str:
    return f"{_ANOMALIES}{anomaly.device}/{anomaly.anomaly_id}"
