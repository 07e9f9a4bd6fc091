"""The state of a rollout, and what follows from what happens: without bus, store or clock."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from lineal_consumers.serving.config import ServingRules
from lineal_learning.serving_figures import added, latency_ms, score_shift
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.serving import (
    ServingCanaryStarted,
    ServingCompleted,
    ServingControl,
    ServingFigures,
    ServingMeasured,
    ServingPaused,
    ServingResumed,
    ServingRolledBack,
    ServingShadowStarted,
    ServingTested,
)

Measure = Literal["errors", "latency", "memory", "scores", "withdrawn", "superseded", "aborted"]
_STAGE = "stage:serving"
_MIN_JUDGED = 20
"""Requests before a share of errors or a percentile says anything."""
_MIN_SHIFTED = 50
_SURE_ERRORS = 3
"""So many errors are no accident, however few requests there were."""


class Served(BaseModel):
    """A version and its package."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model: ModelRef
    package: ObjectRef


class RolloutState(BaseModel):
    """What answers, and what is tried."""

    model_config = ConfigDict(frozen=True)

    stable: Served | None = None
    candidate: Served | None = None
    rollout_id: str = ""
    step: int = 0
    """0: shadow; then the steps of the rules, from 1."""
    paused: bool = False
    candidate_figures: ServingFigures = ServingFigures()
    """Since the step began."""
    stable_figures: ServingFigures = ServingFigures()

    def share(self, rules: ServingRules) -> float:
        """Of the requests, what the candidate answers."""
        if self.candidate is None or self.step == 0:
            return 0.0
        return rules.steps[min(self.step, len(rules.steps)) - 1]

    @property
    def phase(self) -> Literal["none", "all", "shadow", "canary"]:
        if self.candidate is None:
            return "none" if self.stable is None else "all"
        return "canary" if self.step else "shadow"


class Change(NamedTuple):
    """What a rollout comes to by an event."""

    state: RolloutState
    events: tuple[Payload, ...] = ()
    what: str = ""
    """In a word; empty: nothing has changed for those who ask."""
    reason: str = ""
    version: int = 0
    ignored: str = ""
    """Why the event means nothing."""


def after_tests(state: RolloutState, tested: ServingTested, rules: ServingRules) -> Change:
    """A version that failed gets no request. One that passed is tried; the first one, and one that
    a person has gone back to, answer at once."""
    events: tuple[Payload, ...] = ()
    reason = ""
    if state.candidate is not None and tested.cause == "rolled_back":
        withdrawn = tested.model.sha256 != state.candidate.model.sha256
        if withdrawn:
            reason = f"{tested.by} went back to version {tested.model.version}"
            events = (_rolled_back(state, reason, "withdrawn", tested.by),)
            state = _without_candidate(state)
    what = "rolled_back" if events else ""
    if not tested.passed or tested.package is None:
        return Change(state, events, what, reason, tested.model.version, "its tests failed")
    if state.stable is not None and state.stable.model.sha256 == tested.model.sha256:
        return Change(state, events, what, reason, tested.model.version, "it answers already")
    if state.candidate is not None:
        if state.candidate.model.sha256 == tested.model.sha256:
            return Change(state, ignored="it is tried already")
        superseded = f"version {tested.model.version} went into use"
        events = (_rolled_back(state, superseded, "superseded", _STAGE),)
    served = Served(model=tested.model, package=tested.package)
    name, rollout = tested.name, tested.rollout_id
    if state.stable is None or tested.cause == "rolled_back":
        previous = None if state.stable is None else state.stable.model
        completed = ServingCompleted(
            name=name, rollout_id=rollout, model=tested.model, previous=previous
        )
        kept = RolloutState(stable=served, rollout_id=rollout)
        return Change(kept, (*events, completed), "completed", reason, tested.model.version)
    begun = RolloutState(
        stable=state.stable, candidate=served, rollout_id=rollout,
        step=0 if rules.shadow_requests else 1,
    )  # fmt: skip
    changed = _stepped(begun, name, rules)
    return changed._replace(events=(*events, *changed.events))


def after_measures(state: RolloutState, measured: ServingMeasured, rules: ServingRules) -> Change:
    """A version that does badly is rolled back at once, that of a paused rollout too; one that did
    well for long enough gets its next share."""
    if state.candidate is None or measured.rollout_id != state.rollout_id:
        return Change(state, ignored="that rollout is over")
    if measured.step != state.step:
        return Change(state, ignored="of a step that is over")
    state = state.model_copy(
        update={
            "candidate_figures": added(state.candidate_figures, measured.candidate),
            "stable_figures": added(state.stable_figures, measured.stable),
        }
    )
    bad = _what_is_bad(state.candidate_figures, state.stable_figures, rules)
    if bad is not None:
        measure, reason = bad
        event = _rolled_back(state, reason, measure, _STAGE)
        version = event.model.version
        return Change(_without_candidate(state), (event,), "rolled_back", reason, version)
    wanted = rules.shadow_requests if state.step == 0 else rules.step_requests
    if state.paused or state.candidate_figures.requests < wanted:
        return Change(state)
    return _stepped(state.model_copy(update={"step": state.step + 1}), measured.name, rules)


def after_control(state: RolloutState, control: ServingControl, rules: ServingRules) -> Change:
    """A person pauses, resumes or aborts."""
    candidate = state.candidate
    if candidate is None:
        return Change(state, ignored="no version is being rolled out")
    version, name, rollout = candidate.model.version, control.name, state.rollout_id
    if control.action == "abort":
        reason = control.reason or "by hand"
        aborted = _rolled_back(state, reason, "aborted", control.by)
        return Change(_without_candidate(state), (aborted,), "rolled_back", reason, version)
    if control.action == "pause" and not state.paused:
        paused = ServingPaused(
            name=name, rollout_id=rollout, model=candidate.model, by=control.by,
            reason=control.reason,
        )  # fmt: skip
        state = state.model_copy(update={"paused": True})
        return Change(state, (paused,), "paused", control.reason or "", version)
    if control.action == "resume" and state.paused:
        resumed = ServingResumed(
            name=name, rollout_id=rollout, model=candidate.model, by=control.by
        )
        state = state.model_copy(update={"paused": False})
        return Change(state, (resumed,), "resumed", "", version)
    return Change(state, ignored=f"nothing to {control.action}")


def _stepped(state: RolloutState, name: str, rules: ServingRules) -> Change:
    """A step begins, or the rollout is complete."""
    assert state.candidate is not None
    model = state.candidate.model
    if state.step > len(rules.steps):
        previous = None if state.stable is None else state.stable.model
        done = ServingCompleted(
            name=name, rollout_id=state.rollout_id, model=model, previous=previous
        )
        kept = RolloutState(stable=state.candidate, rollout_id=state.rollout_id)
        return Change(kept, (done,), "completed", "", model.version)
    state = state.model_copy(
        update={"candidate_figures": ServingFigures(), "stable_figures": ServingFigures()}
    )
    if state.step == 0:
        shadow = ServingShadowStarted(name=name, rollout_id=state.rollout_id, model=model)
        return Change(state, (shadow,), "shadow_started", "", model.version)
    share = state.share(rules)
    canary = ServingCanaryStarted(
        name=name, rollout_id=state.rollout_id, model=model, share=share, step=state.step
    )
    return Change(state, (canary,), "canary_started", f"share {share:g}", model.version)


def _what_is_bad(
    candidate: ServingFigures, stable: ServingFigures, rules: ServingRules
) -> tuple[Measure, str] | None:
    count, errors = candidate.requests, candidate.errors
    if count >= _MIN_JUDGED or errors >= _SURE_ERRORS:
        share, before = errors / count, stable.errors / max(stable.requests, 1)
        if share > max(rules.max_errors, before):
            return "errors", f"{errors} of {count} requests failed"
    if candidate.memory_grown_mb > rules.max_grown_mb:
        return "memory", f"its process has grown by {candidate.memory_grown_mb:.0f} MB"
    if count >= _MIN_JUDGED:
        slow = latency_ms(candidate.latency_counts, 0.95)
        if slow > rules.max_latency_ms:
            return "latency", f"95 % within {slow:.1f} ms, at most {rules.max_latency_ms:g}"
        known = latency_ms(stable.latency_counts, 0.95)
        if (
            stable.requests >= _MIN_JUDGED
            and slow > rules.ignored_latency_ms
            and slow > rules.max_latency_ratio * known
        ):
            return "latency", f"95 % within {slow:.1f} ms, {known:.1f} ms before"
    if min(len(candidate.scores), len(stable.scores)) >= _MIN_SHIFTED:
        shift = score_shift(candidate.scores, stable.scores)
        if shift > rules.max_score_shift:
            return "scores", f"answers have shifted by {shift:.2f}, at most {rules.max_score_shift}"
    return None


def _rolled_back(state: RolloutState, reason: str, measure: Measure, by: str) -> ServingRolledBack:
    assert state.candidate is not None
    return ServingRolledBack(
        name=state.candidate.model.name,
        rollout_id=state.rollout_id,
        model=state.candidate.model,
        reason=reason,
        measure=measure,
        stable=None if state.stable is None else state.stable.model,
        by=by,
    )


def _without_candidate(state: RolloutState) -> RolloutState:
    return RolloutState(stable=state.stable, rollout_id=state.rollout_id)
