"""``Learner``: what a package brings so that the flywheel can learn from its material."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from lineal.errors import Reject
from lineal_learning.gates import Gates
from lineal_learning.golden import GoldenInputs
from lineal_learning.leaks import Leak
from lineal_learning.settings import LearnerSettings
from lineal_learning.splits import Candidate
from lineal_schemas.models import (
    DatasetItem,
    DatasetManifest,
    FaultExample,
    InputSchema,
    Metrics,
    SplitRule,
)

S = TypeVar("S", bound=LearnerSettings)


class Material(NamedTuple):
    """What the flywheel has remembered for a model, as JSON values."""

    remembered: Mapping[str, Sequence[tuple[str, Any]]]
    """By what a learner asks for (:attr:`Learner.material`): keys and values."""
    drifted_us: int | None = None
    """Where a drift asked for the dataset: since when, in microseconds since the Unix epoch."""


class LearningData(NamedTuple):
    """A dataset with its files."""

    manifest: DatasetManifest
    files: Mapping[str, Path]
    """By the digest of the object (``ref``) of an item."""

    def file_of(self, item: DatasetItem) -> Path:
        """The file that an item's data is in."""
        assert item.ref is not None
        return self.files[item.ref.sha256]


@dataclass(frozen=True)
class Fitted:
    """A model that has learnt, not yet written to a file."""

    model: Any
    algorithm: str
    """As ``model.trained`` has it: ``pca``, ``tfidf-logistic``, ..."""
    metrics: Metrics = field(default_factory=dict)
    """On the training data."""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    threshold: float | None = None
    reference: bytes | None = None
    """JSON of a sample of the training data, to detect drift with."""


class Learner(ABC, Generic[S]):
    """How a kind of model is learnt: under the entry points ``lineal.learners``, by its kind.

    Methods that compute are called in worker processes. The same data, settings and libraries make
    the same bytes. Heavy libraries are imported inside the methods.
    """

    kind: ClassVar[str]
    settings: ClassVar[type[LearnerSettings]]
    media_type: ClassVar[str] = "application/x-onnx"
    """Of the model's file."""
    material: ClassVar[tuple[str, ...]] = ("example",)
    """What is remembered for it: ``example`` (``model.example`` of this name)."""
    leaves_one_out: ClassVar[bool] = False
    """Whether it is evaluated on the training part as well, each item by what the others teach: for
    memories, to which one example is worth too much to be set apart."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions that compute: their versions are in the provenance."""
    code: ClassVar[tuple[str, ...]] = ()
    """Packages whose sources train: their digest is in the provenance."""

    def algorithms(self, settings: S) -> tuple[str, ...]:
        """One challenger each."""
        return (self.kind,)

    def waits_for(self, material: Material, settings: S) -> str | None:
        """What an iteration has to wait for; None: it can begin."""
        return None

    def candidates(self, material: Material, settings: S) -> list[Candidate]:
        """What could be in a dataset."""
        return [
            Candidate(DatasetItem.model_validate(value["item"]), value.get("excluded"))
            for _, value in material.remembered.get("example", ())
        ]

    def known_faults(self, material: Material, settings: S) -> tuple[FaultExample, ...]:
        """Examples of kinds of faults, which a model carries with it."""
        return ()

    def fingerprints(self, files: Sequence[Path], settings: S) -> list[str | None]:
        """For each file a text that is equal where the content is nearly the same, such as a photo
        that was saved again: these items come into one part. Overriding it has all files of a
        dataset read before it is split."""
        return [None] * len(files)

    @property
    def compares_content(self) -> bool:
        """Whether it has fingerprints of its own."""
        return type(self).fingerprints is not Learner.fingerprints

    def split(self, settings: S) -> SplitRule:
        """How new items are split."""
        return SplitRule(by="group", test_share=settings.test_share, seed=settings.seed)

    @abstractmethod
    def min_new_rows(self, settings: S) -> int:
        """Fewer new rows are nothing new."""

    @abstractmethod
    def features(self, settings: S) -> InputSchema | None:
        """What the model is given, in this order; None where it takes the bytes as they are."""

    @abstractmethod
    def fit(self, data: LearningData, settings: S, algorithm: str) -> Fitted:
        """Learn from the training part, and calibrate on the calibration part.

        Raises:
            Reject: nothing can be learnt from this data.
        """

    @abstractmethod
    def export(self, fitted: Fitted) -> bytes:
        """The model's file: ONNX wherever it can be, and always without code."""

    def onnx(self, model: bytes) -> bytes:
        """A model's file as an ONNX graph, for programs that are not ours.

        Raises:
            Reject: models of this kind have no such form, or the file is no model.
        """
        if self.media_type != Learner.media_type:
            raise Reject(f"models of kind {self.kind} cannot be written as ONNX")
        return model

    @abstractmethod
    def evaluate(self, model: bytes, data: LearningData, settings: S) -> Metrics:
        """Measure a model on the test part alone.

        Raises:
            Reject: there is nothing to evaluate on, or the file is no model.
        """

    def golden(self, model: bytes, data: LearningData, settings: S) -> GoldenInputs | None:
        """Inputs of the test part and what is true of them: a server has the model answer them
        before it serves it. None: models of this kind are not served."""
        return None

    @property
    def is_served(self) -> bool:
        """Whether it chooses golden samples."""
        return type(self).golden is not Learner.golden

    @abstractmethod
    def gates(self, settings: S) -> Gates:
        """What a challenger has to meet, as data."""

    def leaks(self, data: LearningData, settings: S) -> list[Leak]:
        """Leaks that only this kind of material can have: a feature that is the answer, windows
        that overlap."""
        return []

    def false_alarm_rate(self, settings: S) -> float | None:
        """What the threshold is calibrated to; None where there is none."""
        return None
