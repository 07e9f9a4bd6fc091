"""The device's scorer: an active model and perhaps a shadow, swapped between two readings.

The scorer's thread reads each reference once per reading. Loading, warming up and checking happen
in the updater's thread; nothing here waits for a lock longer than a few assignments.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from lineal_edge.clock import Clock
from lineal_edge.interfaces import AnomalyPayload, ScorerContext
from lineal_edge.reading import Reading
from lineal_edge.update.confirmed_model import use_confirmed_model
from lineal_edge.update.health import Tally
from lineal_schemas.anomalies import (
    AnomalyAnswered,
    AnomalyClosed,
    AnomalyOpened,
    AnomalyUpdated,
    Contribution,
    FaultRecognised,
)
from lineal_schemas.ids import anomaly_id
from lineal_schemas.models import ModelRef
from lineal_scoring.alarm import Closed, Opened, Transition, Updated
from lineal_scoring.model import ModelError, ScoringModel
from lineal_scoring.scorer import Answer, DeviceScorer
from lineal_scoring.slot import ModelSlot, load_model

log = logging.getLogger(__name__)

_MAX_ANSWERS = 16


class Candidate(NamedTuple):
    """A model that is loaded and warm."""

    ref: ModelRef
    model: ScoringModel
    columns: tuple[int, ...]
    """The indices of its features in a reading."""


class _Active(NamedTuple):
    candidate: Candidate
    tally: Tally


class _Shadow(NamedTuple):
    candidate: Candidate
    scorer: DeviceScorer
    tally: Tally


class LiveScorer:
    """See :class:`lineal_edge.interfaces.Scorer`."""

    def __init__(self, device: str, boot_id: str, features: Sequence[str], clock: Clock) -> None:
        self.features = tuple(features)
        self._device = device
        self._boot_id = boot_id
        self._clock = clock
        self._active: _Active | None = None
        self._shadow: _Shadow | None = None
        self._slot: ModelSlot | None = None
        self._scorer: DeviceScorer | None = None
        self._at_work: _Active | None = None
        """What the scorer's thread scored the last reading with."""
        self._windows_before = 0
        self._recognised: tuple[str, str | None] | None = None
        """The anomaly that was recognised last, and as what."""
        self._answers: deque[AnomalyAnswered] = deque(maxlen=_MAX_ANSWERS)

    # The updater's side.

    def prepare(self, data: bytes, ref: ModelRef) -> Candidate:
        """Load a model and warm it up while the running one goes on.

        Raises:
            ModelError: it is corrupt or cannot score.
            ValueError: it asks for a feature the device does not measure.
        """
        model = load_model(data)
        columns = tuple(self.features.index(name) for name in model.preparation.features)
        return Candidate(ref, model, columns)

    def set_shadow(self, candidate: Candidate | None) -> Tally:
        """Have a model score the readings from the next one on, to no effect but its tally's."""
        tally = Tally()
        self._shadow = (
            None if candidate is None else _Shadow(candidate, DeviceScorer(candidate.model), tally)
        )
        return tally

    def swap(self, candidate: Candidate | None) -> Tally:
        """Make a model the active one from the next reading on; None: no model scores."""
        tally = Tally()
        self._active = None if candidate is None else _Active(candidate, tally)
        return tally

    @property
    def active(self) -> Candidate | None:
        active = self._active
        return None if active is None else active.candidate

    # The agent's side.

    def observe(self, reading: Reading) -> Sequence[AnomalyPayload]:
        shadow, active = self._shadow, self._active
        events = [] if active is self._at_work else self._take_over(active)
        try:
            if active is not None:
                events += self._take_answers(active)
                events += self._score(active, reading)
        finally:
            if shadow is not None:
                self._score_shadow(shadow, reading)
        return events

    def answered(self, answer: AnomalyAnswered) -> None:
        self._answers.append(answer)

    def _take_answers(self, active: _Active) -> list[AnomalyPayload]:
        """What people have said of the anomaly that is open; of others nothing is left to do."""
        events: list[AnomalyPayload] = []
        while self._answers:
            answer, scorer = self._answers.popleft(), self._scorer
            first_seq = None if scorer is None else scorer.anomaly.first_seq
            if scorer is None or first_seq is None:
                continue
            model = active.candidate.ref
            identity = anomaly_id(self._device, model.sha256, self._boot_id, first_seq)
            if identity != answer.anomaly_id:
                continue
            at_seq = answer.at_seq if answer.boot_id == self._boot_id else 0
            transitions = scorer.answer(Answer(first_seq, answer.is_normal, at_seq))
            events += [self._event(item, model, active) for item in transitions]
        return events

    def skipped(self, first_seq: int, last_seq: int) -> Sequence[AnomalyPayload]:
        shadow = self._shadow
        if shadow is not None:
            shadow.scorer.skip_to(last_seq + 1)
        active, scorer = self._at_work, self._scorer
        if active is None or scorer is None:
            return []
        model = active.candidate.ref
        return [self._event(item, model, active) for item in scorer.skip_to(last_seq + 1)]

    def kept(self, reading: Reading) -> None:
        """Nothing is to be done: what is left of a reading is in its windows."""

    def models(self) -> tuple[ModelRef, ...]:
        active = self._active
        return () if active is None else (active.candidate.ref,)

    @property
    def scored_windows(self) -> int:
        scorer = self._scorer
        return self._windows_before + (0 if scorer is None else scorer.scored_windows)

    def _take_over(self, active: _Active | None) -> list[AnomalyPayload]:
        """Hand on to another model; what the old one had open is closed in its name."""
        before, scorer = self._at_work, self._scorer
        self._at_work = active
        if active is None:
            events = [] if scorer is None else scorer.interrupt("model_changed")
            if scorer is not None:
                self._windows_before += scorer.scored_windows
            self._scorer = self._slot = None
        elif (
            before is None
            or scorer is None
            or self._slot is None
            or before.candidate.columns != active.candidate.columns
        ):
            events = [] if scorer is None else scorer.interrupt("model_changed")
            if scorer is not None:
                self._windows_before += scorer.scored_windows
            self._slot = ModelSlot(active.candidate.model)
            self._scorer = DeviceScorer(self._slot)
        else:
            events = scorer.interrupt("model_changed")
            self._slot.swap(active.candidate.model)
        if before is None:
            return []
        return [self._event(item, before.candidate.ref, before) for item in events]

    def _score(self, active: _Active, reading: Reading) -> list[AnomalyPayload]:
        scorer, tally = self._scorer, active.tally
        assert scorer is not None
        values = [[reading.values[column] for column in active.candidate.columns]]
        tally.busy_since_us = self._clock.monotonic_us()
        try:
            windows, transitions = scorer.push(values, reading.seq)
        except ModelError:
            tally.failed()
            raise
        finally:
            tally.busy_since_us = None
        threshold = active.candidate.model.threshold
        tally.scored([item.score.value for item in windows if item.score is not None], threshold)
        events = [
            self._event(item, active.candidate.ref, active, reading.wall_us) for item in transitions
        ]
        return [*events, *self._fault_kinds(events, active)]

    def _fault_kinds(
        self, events: Sequence[AnomalyPayload], active: _Active
    ) -> list[AnomalyPayload]:
        """What anomalies look like, by the examples that the model has brought along."""
        made: list[AnomalyPayload] = []
        for event in events:
            if not isinstance(event, AnomalyOpened | AnomalyUpdated):
                continue
            shares = {item.feature: item.share for item in event.contributions}
            found = active.candidate.model.fault_kinds.recognise(shares)
            if found is None or self._recognised == (event.anomaly_id, found.fault):
                continue
            self._recognised = (event.anomaly_id, found.fault)
            made.append(
                FaultRecognised(
                    device=self._device,
                    anomaly_id=event.anomaly_id,
                    detector="device",
                    model=event.model,
                    fault=found.fault,
                    likeness=found.likeness,
                    examples=found.examples,
                )
            )
        return made

    def _score_shadow(self, shadow: _Shadow, reading: Reading) -> None:
        tally = shadow.tally
        tally.busy_since_us = self._clock.monotonic_us()
        try:
            values = [[reading.values[column] for column in shadow.candidate.columns]]
            windows, _ = shadow.scorer.push(values, reading.seq)
        except Exception as error:
            # Whatever it does, the model in use goes on.
            tally.failed()
            log.warning("the model beside cannot score: %s", error)
            return
        finally:
            tally.busy_since_us = None
        threshold = shadow.candidate.model.threshold
        tally.scored([item.score.value for item in windows if item.score is not None], threshold)

    def _event(
        self, item: Transition, model: ModelRef, active: _Active, wall_us: int | None = None
    ) -> AnomalyPayload:
        wall = max(0, self._clock.wall_us() if wall_us is None else wall_us)
        identity = anomaly_id(self._device, model.sha256, self._boot_id, item.first_seq)
        threshold = active.candidate.model.threshold
        if isinstance(item, Closed):
            return AnomalyClosed(
                device=self._device, anomaly_id=identity, detector="device", model=model,
                threshold=threshold, boot_id=self._boot_id, first_seq=item.first_seq,
                last_seq=item.last_seq, wall_us=wall, windows=item.windows,
                peak_score=item.peak_score, reason=item.reason,
            )  # fmt: skip
        contributions = tuple(
            Contribution(feature=name, share=min(1.0, share)) for name, share in item.shares
        )
        if isinstance(item, Opened):
            return AnomalyOpened(
                device=self._device, anomaly_id=identity, detector="device", model=model,
                threshold=threshold, boot_id=self._boot_id, first_seq=item.first_seq,
                last_seq=item.last_seq, wall_us=wall, windows=item.windows,
                score=item.score, contributions=contributions,
            )  # fmt: skip
        assert isinstance(item, Updated)
        return AnomalyUpdated(
            device=self._device, anomaly_id=identity, detector="device", model=model,
            threshold=threshold, boot_id=self._boot_id, first_seq=item.first_seq,
            last_seq=item.last_seq, wall_us=wall, windows=item.windows,
            score=item.score, peak_score=item.peak_score, contributions=contributions,
        )  # fmt: skip


def build_scorer(context: ScorerContext) -> LiveScorer:
    """The scorer of an agent, with the model in use."""
    scorer = LiveScorer(context.device, context.boot_id, context.features, context.clock)
    use_confirmed_model(scorer, context.models)
    return scorer
