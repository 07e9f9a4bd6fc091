"""``DeviceScorer``: readings of one device in, windows and anomalies out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from lineal_scoring.alarm import AlarmMachine, Interruption, Transition
from lineal_scoring.model import ModelError, Score, ScoringModel
from lineal_scoring.slot import ModelSlot
from lineal_scoring.window import Window
from lineal_scoring.windows import WindowStream


@dataclass(frozen=True)
class ScoredWindow:
    """A window and what the model in use says of it."""

    window: Window
    model: ScoringModel
    score: Score | None
    """None where too much of the window was missing, or the model failed."""
    error: str | None
    """How the model failed."""
    anomalous: bool
    """Whether an anomaly is open after it."""
    transition: Transition | None


class DeviceScorer:
    """Scores one device's readings, in order.

    Feeding the same readings in whatever portions yields the same windows, scores and transitions.
    """

    def __init__(self, slot: ModelSlot | ScoringModel) -> None:
        self._slot = slot if isinstance(slot, ModelSlot) else None
        self._model = slot.current if isinstance(slot, ModelSlot) else slot
        self._stream = WindowStream(self._model.preparation)
        self._machine = AlarmMachine(self._model.rules)
        self._held = False
        self.scored_windows = 0
        self.failed_windows = 0

    @property
    def model(self) -> ScoringModel:
        """What scored last; a model put into the slot since then takes over at the next reading."""
        return self._model

    @property
    def anomaly(self) -> AlarmMachine:
        """The open anomaly, if there is one."""
        return self._machine

    def push(
        self, values: npt.ArrayLike, first_seq: int
    ) -> tuple[list[ScoredWindow], list[Transition]]:
        """Score consecutive readings, rows × features; None and NaN are missing values. Readings
        seen before are ignored; after a gap windows start again and an open anomaly is closed.

        Returns:
            The windows they complete, and all transitions, in order.

        Raises:
            ValueError: the rows do not have the model's features.
        """
        transitions = self._take_over()
        if self._stream.push(values, first_seq):
            transitions += self.interrupt("gap")
        scored: list[ScoredWindow] = []
        while (window := self._stream.take(held=self._held)) is not None:
            scored.append(self._score(window))
            transition = scored[-1].transition
            transitions += [] if transition is None else [transition]
        return scored, transitions

    def _score(self, window: Window) -> ScoredWindow:
        model, machine = self._model, self._machine
        if not window.usable:
            return self._unscored(window, None)
        try:
            score = model.score(window.values)
        except ModelError as error:
            self.failed_windows += 1
            return self._unscored(window, str(error))
        self.scored_windows += 1
        above = score.value > model.threshold
        shares = model.shares(score) if above or machine.is_open else ()
        transition = machine.observe(
            window.first_seq, window.last_seq, score.value, model.threshold, shares
        )
        self._held = above or machine.is_open
        return ScoredWindow(window, model, score, None, machine.is_open, transition)

    def _unscored(self, window: Window, error: str | None) -> ScoredWindow:
        transition = self._machine.unusable(window.last_seq)
        self._held = self._machine.is_open
        return ScoredWindow(window, self._model, None, error, self._machine.is_open, transition)

    def interrupt(self, reason: Interruption) -> list[Transition]:
        """Close an open anomaly, because data is missing or the device restarts."""
        transition = self._machine.interrupt(reason)
        self._held = False
        return [] if transition is None else [transition]

    def skip_to(self, next_seq: int) -> list[Transition]:
        """Readings before ``next_seq`` will not come: windows start again there."""
        if self._stream.next_seq is None or next_seq <= self._stream.next_seq:
            return []
        self._stream.restart(next_seq)
        return self.interrupt("gap")

    def _take_over(self) -> list[Transition]:
        """Hand on to the model in the slot, between two samples."""
        if self._slot is None or self._slot.current is self._model:
            return []
        transitions = self.interrupt("model_changed")
        self._model = self._slot.current
        self._stream = self._stream.continued(self._model.preparation)
        self._machine = AlarmMachine(self._model.rules)
        return transitions

    def snapshot(self) -> bytes:
        """Everything needed to go on later, or elsewhere, exactly as if nothing had happened."""
        state: dict[str, Any] = {
            "model": self._model.sha256,
            "stream": self._stream.snapshot(),
            "machine": self._machine.snapshot(),
            "held": self._held,
        }
        return json.dumps(state, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def restored(cls, slot: ModelSlot | ScoringModel, state: bytes) -> DeviceScorer:
        """A scorer that goes on from a snapshot.

        Raises:
            ValueError: the snapshot is damaged, or another model's.
        """
        scorer = cls(slot)
        try:
            fields = json.loads(state)
            if fields["model"] != scorer._model.sha256:
                raise ValueError("the snapshot is another model's")
            scorer._stream.restore(fields["stream"])
            scorer._machine.restore(fields["machine"])
            scorer._held = bool(fields["held"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a snapshot: {error!r}") from error
        return scorer
