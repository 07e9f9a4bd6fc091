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


class ModelError(LinealError):
    """The file is no scoring model, or the model cannot score."""


@dataclass(frozen=True)
class Score:
    """What a model says of one window."""

    value: float
    contributions: npt.NDArray[np.float32]
    """Per channel, its part in the square of the score."""


class ScoringModel:
    """A loaded model. Windows are scored one at a time, in one thread: the same window always has
    the same score, whatever else is scored.
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
        try:
            value, contributions = self._session.run(["score", "contributions"], {"window": values})
            score = Score(float(value[0]), contributions[0])
        except Exception as error:
            raise ModelError(f"the model cannot score: {error}") from error
        if not math.isfinite(score.value):
            raise ModelError(f"the model scores {score.value}")
        return score

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
