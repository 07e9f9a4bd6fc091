"""``DeviceScorer``: readings of one device in, windows and anomalies out."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from dataclasses import astuple, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lineal_scoring.alarm import AlarmMachine, Interruption, Transition
from lineal_scoring.model import ModelError, Score, ScoringModel
from lineal_scoring.preparation import Array
from lineal_scoring.slot import ModelSlot
from lineal_scoring.window import Window
from lineal_scoring.windows import WindowStream


@dataclass(frozen=True)
class Answer:
    """What a person has said of an open anomaly."""

    first_seq: int
    """Of the anomaly: it counts for no other."""
    is_normal: bool
    """The state is normal from now on; else it is a fault, and stays one however long it lasts."""
    at_seq: int
    """First reading for which it counts."""


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


Pushed: TypeAlias = tuple[list[ScoredWindow], list[Transition]]
"""The windows that readings have completed, and all transitions, in order."""
Pushing: TypeAlias = Generator[Array, Score | ModelError, Pushed]


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
        self._answer: Answer | None = None
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

    @property
    def next_seq(self) -> int | None:
        """The reading that comes next; None before the first."""
        return self._stream.next_seq

    def answer(self, answer: Answer) -> list[Transition]:
        """Take in what a person says of the open anomaly; the newest answer counts. It takes effect
        before its first reading is scored, or at once where that has been."""
        self._answer = answer
        return self._take_answer() if answer.at_seq <= (self._stream.next_seq or 0) else []

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
        [result] = push_all([(self, values, first_seq)])
        return result

    def windows_to_score(self, values: npt.ArrayLike, first_seq: int) -> Pushing:
        """As :meth:`push`, but whoever goes on with it scores: yields each window (1 × length ×
        channels) that :attr:`model` is to score, and is sent its score, or the error."""
        if self._answer is None:
            return (yield from self._pushing(values, first_seq))
        rows = np.asarray(values, dtype=np.float64)
        before = self._answer.at_seq - first_seq
        if before >= len(rows):
            return (yield from self._pushing(rows, first_seq))
        scored: list[ScoredWindow] = []
        transitions: list[Transition] = []
        if before > 0:
            scored, transitions = yield from self._pushing(rows[:before], first_seq)
        transitions += self._take_answer()
        at = max(before, 0)
        further, later = yield from self._pushing(rows[at:], first_seq + at)
        return scored + further, transitions + later

    def _take_answer(self) -> list[Transition]:
        answer, self._answer = self._answer, None
        if answer is None or answer.first_seq != self._machine.first_seq:
            return []  # it was over before
        if not answer.is_normal:
            self._stream.hold()
            return []
        self._stream.accept()
        self._held = False
        closed = self._machine.accept()
        return [] if closed is None else [closed]

    def _pushing(self, values: npt.ArrayLike, first_seq: int) -> Pushing:
        transitions = self._take_over()
        if self._stream.push(values, first_seq):
            transitions += self.interrupt("gap")
        scored: list[ScoredWindow] = []
        while (window := self._stream.take(held=self._held)) is not None:
            found = (yield window.values) if window.usable else None
            scored.append(self._scored(window, found))
            transition = scored[-1].transition
            transitions += [] if transition is None else [transition]
        return scored, transitions

    def _scored(self, window: Window, score: Score | ModelError | None) -> ScoredWindow:
        model, machine = self._model, self._machine
        if score is None:
            return self._unscored(window, None)
        if isinstance(score, ModelError):
            self.failed_windows += 1
            return self._unscored(window, str(score))
        self.scored_windows += 1
        above = score.value > model.threshold
        shares = model.shares(score) if above or machine.is_open else ()
        transition = machine.observe(
            window.first_seq, window.last_seq, score.value, model.threshold, shares,
            learning=window.learning,
        )  # fmt: skip
        # what a person has accepted is followed, however it scores
        self._held = machine.is_open or (above and not machine.is_accepted)
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
            "answer": None if self._answer is None else astuple(self._answer),
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
            answer = fields.get("answer")  # snapshots of former versions have none
            scorer._answer = None if answer is None else Answer(*answer)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a snapshot: {error!r}") from error
        return scorer


def push_all(
    readings: Iterable[tuple[DeviceScorer, npt.ArrayLike, int]],
) -> list[Pushed]:
    """Push readings of several devices (each with its scorer and the number of its first reading),
    with the results that each has alone. What the next windows of all devices score is asked of a
    model at once: the graph's cost lies in being called.

    Raises:
        ValueError: rows do not have the model's features.
    """
    pushed: dict[int, Pushed] = {}
    waiting: list[tuple[int, DeviceScorer, Pushing, Array]] = []

    def go_on(
        place: int, scorer: DeviceScorer, pushing: Pushing, score: Score | ModelError | None
    ) -> None:
        try:
            window = next(pushing) if score is None else pushing.send(score)
        except StopIteration as ended:
            pushed[place] = ended.value
        else:
            waiting.append((place, scorer, pushing, window))

    for place, (scorer, values, first_seq) in enumerate(readings):
        go_on(place, scorer, scorer.windows_to_score(values, first_seq), None)
    while waiting:
        by_model: dict[int, list[tuple[int, DeviceScorer, Pushing, Array]]] = {}
        for item in waiting:
            by_model.setdefault(id(item[1].model), []).append(item)
        waiting = []
        for items in by_model.values():
            scores = items[0][1].model.score_all([window for *_, window in items])
            for (place, scorer, pushing, _), score in zip(items, scores, strict=True):
                go_on(place, scorer, pushing, score)
    return [pushed[place] for place in sorted(pushed)]
