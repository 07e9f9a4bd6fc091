"""``ScoringModel``: an ONNX graph with its normalisation and score inside.

The file says itself how it is used, in its metadata: ``lineal.preparation`` (a
:class:`~lineal_scoring.preparation.Preparation` as JSON), ``lineal.threshold`` and
``lineal.alarm`` (:class:`~lineal_scoring.alarm.AlarmRules` as JSON). The graph maps ``window``
(double, n × length × channels) to ``score`` (float, n) and ``contributions`` (float, n × channels,
none negative).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from lineal_schemas.errors import LinealError
from lineal_scoring.alarm import AlarmRules
from lineal_scoring.fault_kinds import FaultKinds
from lineal_scoring.preparation import Array, Preparation

PREPARATION, THRESHOLD, ALARM = "lineal.preparation", "lineal.threshold", "lineal.alarm"
FAULTS = "lineal.faults"
"""Metadata of a model that knows kinds of faults: :class:`~lineal_scoring.fault_kinds.FaultKinds`
as JSON."""
_WARM_UP_RUNS = 5
_TOGETHER = 64
"""Windows that are scored in one call of the graph at most."""


class ModelError(LinealError):
    """The file is no scoring model, or the model cannot score."""


@dataclass(frozen=True)
class Score:
    """What a model says of one window."""

    value: float
    contributions: npt.NDArray[np.float32]
    """Per channel, its part in the square of the score."""


class ScoringModel:
    """A loaded model, run in one thread. The same window always has the same score, whatever else
    is scored with it.
    """

    def __init__(self, data: bytes) -> None:
        """Load a model.

        Raises:
            ModelError: the graph is corrupt, has other inputs or outputs, or lacks its metadata.
        """
        self.sha256 = sha256(data).hexdigest()
        try:
            self._session = onnxruntime.InferenceSession(
                data, sess_options=session_options(), providers=["CPUExecutionProvider"]
            )
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.preparation = Preparation.from_json(metadata[PREPARATION])
            self.threshold = float(metadata[THRESHOLD])
            self.rules = AlarmRules(**json.loads(metadata[ALARM]))
            faults = metadata.get(FAULTS)
            self.fault_kinds = FaultKinds() if faults is None else FaultKinds.from_json(faults)
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            raise ModelError(f"not a scoring model: {error}") from error
        if not (math.isfinite(self.threshold) and self.threshold > 0):
            raise ModelError(f"the threshold is {self.threshold}")
        self._check_signature()
        self._scores_together: bool | None = None
        """Whether several windows at once have the very scores that each has alone; None: it was
        not tried yet."""

    def _check_signature(self) -> None:
        taken = {item.name: item.type for item in self._session.get_inputs()}
        given = {item.name: item.type for item in self._session.get_outputs()}
        if taken != {"window": "tensor(double)"}:
            raise ModelError(f"the graph takes {taken}, not a window of doubles")
        if given != {"score": "tensor(float)", "contributions": "tensor(float)"}:
            raise ModelError(f"the graph yields {given}, not score and contributions")

    def score(self, values: Array) -> Score:
        """Score one window (1 × length × channels).

        Raises:
            ModelError: the graph fails, or what it yields is no number.
        """
        (found,) = self._run(values)
        if isinstance(found, ModelError):
            raise found
        return found

    def score_all(self, windows: Sequence[Array]) -> list[Score | ModelError]:
        """Score windows (each 1 × length × channels) of whatever devices, in few calls of the
        graph: each has the very score that it has alone, or the error."""
        found: list[Score | ModelError] = []
        size = _TOGETHER if len(windows) > 1 and self.scores_together else 1
        for begin in range(0, len(windows), size):
            some = windows[begin : begin + size]
            try:
                found += self._run(some[0] if len(some) == 1 else np.concatenate(some))
            except ModelError as error:
                # which of them is to blame is not known
                found += [error] if len(some) == 1 else map(self._scored_alone, some)
        return found

    @property
    def scores_together(self) -> bool:
        """Whether several windows at once have the very scores that each has alone, to the last
        bit. That is up to the kernels of the graph's operators, so it is tried."""
        if self._scores_together is None:
            self._scores_together = self._try_together()
        return self._scores_together

    def _try_together(self) -> bool:
        shape = (_TOGETHER, self.preparation.length, len(self.preparation.channels))
        windows = np.random.default_rng(0).standard_normal(shape)
        alone = [self._scored_alone(windows[n : n + 1]) for n in range(_TOGETHER)]
        for count in (2, 3, 7, 16, _TOGETHER):
            try:
                together = self._run(windows[:count])
            except ModelError:
                return False
            if not all(map(_are_same, alone[:count], together)):
                return False
        return True

    def _scored_alone(self, window: Array) -> Score | ModelError:
        try:
            return self.score(window)
        except ModelError as error:
            return error

    def _run(self, windows: Array) -> list[Score | ModelError]:
        """The scores of windows, count × length × channels.

        Raises:
            ModelError: the graph fails.
        """
        try:
            values, contributions = self._session.run(
                ["score", "contributions"], {"window": windows}
            )
            scores = [
                Score(float(values[number]), contributions[number])
                for number in range(len(windows))
            ]
        except Exception as error:
            raise ModelError(f"the model cannot score: {error}") from error
        return [
            score if math.isfinite(score.value) else ModelError(f"the model scores {score.value}")
            for score in scores
        ]

    def warm_up(self) -> None:
        """Score a window of zeros a few times, so that the first real one need not wait.

        Raises:
            ModelError: see :meth:`score`.
        """
        zeros = np.zeros((1, self.preparation.length, len(self.preparation.channels)))
        for _ in range(_WARM_UP_RUNS):
            self.score(zeros)

    def verify(self, windows: Array, scores: Sequence[float], tolerance: float = 1e-4) -> None:
        """Score golden windows and compare with the scores the trainer stored.

        Args:
            windows: count × length × channels.
            scores: one for each.
            tolerance: largest relative difference; processors differ in the last bits of float32.

        Raises:
            ModelError: a score differs, or the windows do not fit.
        """
        if len(windows) != len(scores) or not len(scores):
            raise ModelError(f"{len(windows)} golden windows and {len(scores)} scores")
        for number, expected in enumerate(scores):
            found = self.score(np.ascontiguousarray(windows[number : number + 1])).value
            if not abs(found - expected) <= tolerance * max(1.0, abs(expected)):
                raise ModelError(f"golden window {number} scores {found}, not {expected}")

    def shares(self, score: Score) -> tuple[tuple[str, float], ...]:
        """What each feature has to do with a score: shares that sum to 1, the largest first.

        Sine and cosine of an angle count as one. Where nothing contributes the shares are equal.
        """
        features = self.preparation.features
        sums = [0.0] * len(features)
        for index, part in zip(
            self.preparation.channel_features, score.contributions.tolist(), strict=True
        ):
            sums[index] += max(0.0, part) if math.isfinite(part) else 0.0
        total = sum(sums)
        pairs = [
            (name, part / total if total > 0 else 1 / len(features))
            for name, part in zip(features, sums, strict=True)
        ]
        return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _are_same(one: Score | ModelError, other: Score | ModelError) -> bool:
    if isinstance(one, ModelError) or isinstance(other, ModelError):
        return False
    return one.value == other.value and np.array_equal(one.contributions, other.contributions)


def takes_photos(data: bytes) -> bool:
    """Whether a model's file is one of photos (:mod:`lineal_scoring.photo_model`), by its input.

    Raises:
        ModelError: it is no ONNX graph.
    """
    try:
        session = onnxruntime.InferenceSession(
            data, sess_options=session_options(), providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ModelError(f"not a scoring model: {error}") from error
    return [item.name for item in session.get_inputs()] == ["photo"]


def session_options(threads: int = 1) -> Any:
    """How models are run: on one core, and without keeping memory that was large once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # An arena would keep what a replaced model once needed.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
