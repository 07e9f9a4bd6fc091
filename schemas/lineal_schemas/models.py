"""Payloads of a model's life: dataset, training, evaluation, promotion, rollback.

A model's versions are whole numbers from 1, counted per name. A dataset is a manifest of digests,
kept in the object store: the same arrays can be built from it and the batches.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.objects import ObjectRef, Sha256
from lineal_schemas.payload import Labels, Payload, upcaster

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
ModelVersion = Annotated[int, Field(ge=1)]
ModelKind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""What a model learns from: ``readings``, ``documents``, or what another installed learner does."""
Metrics = dict[str, float]
"""Named figures, such as ``f1`` and ``false_alarm_rate`` (fractions from 0 to 1)."""


SettingValue = str | int | float | bool
"""Of a setting of a model's training."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class ModelRef(_Frozen):
    """One model, exactly."""

    name: ModelName
    version: ModelVersion
    sha256: Sha256
    """Of the model's file."""


class EvaluationTarget(_Frozen):
    """A model that is to be evaluated again, outside of any iteration."""

    model: ModelRef
    artifact: ObjectRef
    """Its file."""
    iteration: Annotated[int, Field(ge=1)]
    """The one it was trained in."""


class InputSchema(_Frozen):
    """The window of readings a model takes: ``length`` rows × the features, in this order."""

    features: Annotated[tuple[str, ...], Field(min_length=1)]
    length: Annotated[int, Field(ge=1)]
    """Readings in a window."""
    step: Annotated[int, Field(ge=1)]
    """Readings from the begin of one window to that of the next."""
    period_us: Annotated[int, Field(ge=1)] | None = None
    """Microseconds between two readings where they are taken at a fixed rate."""


class DatasetItem(_Frozen):
    """One batch of readings, labelled document, photo, or other thing in a dataset."""

    digest: Sha256
    """Of the event's payload (a batch), or of the bytes."""
    source: str
    """``DEVICE/BOOT/FIRST-LAST`` of a batch, the id of a document or a photo."""
    rows: Annotated[int, Field(ge=1)] = 1
    time_us: Annotated[int, Field(ge=0)]
    """Wall clock of its first reading: datasets are split by time."""
    group: str | None = None
    """What it belongs to (a patient, a document, a part): the items of a group are in one part."""
    fingerprint: str | None = None
    """Equal where the content is nearly the same: such items are in one part."""
    label: str | None = None
    ref: ObjectRef | None = None
    """Where its bytes are kept, if outside the bus."""


class QuarantinedItem(DatasetItem):
    """What was left out of training, and why (an anomaly was open)."""

    reason: str


class SplitRule(_Frozen):
    """How what is new in a dataset is split; what has a part keeps it."""

    by: Literal["time", "group"] = "time"
    """``time``: the latest for the test. ``group``: by chance, in each label its share."""
    test_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    calibration_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Held out from training, to set thresholds on."""
    seed: int = 0
    """Of the chance."""


class FaultExample(_Frozen):
    """An anomaly of which a person has said what it was."""

    fault: str | None
    """None: it was normal."""
    shares: dict[str, float]
    """By feature, its part in the score; all together 1."""


class DatasetManifest(_Frozen):
    """What a model is trained and evaluated on, without the data; stored as JSON."""

    model: ModelName
    kind: ModelKind
    train: tuple[DatasetItem, ...]
    calibration: tuple[DatasetItem, ...] = ()
    """Normal data held out from training, on which thresholds are set."""
    test: tuple[DatasetItem, ...]
    """Frozen: champion and challengers are evaluated on the same."""
    quarantined: tuple[QuarantinedItem, ...] = ()
    split: SplitRule | None = None
    """By which rule the parts grew; None in manifests of former versions."""
    changed_us: Annotated[int, Field(ge=0)] = 0
    """Since when the world has changed that asked for the training; 0: it has not."""
    faults: tuple[FaultExample, ...] = ()
    """From which kinds of faults are recognised."""


class ModelEvent(Payload):
    """What all events of one model's life have in common."""

    model_config = ConfigDict(protected_namespaces=())

    name: ModelName

    def partition_key(self) -> str:
        return self.name

    def correlation_key(self) -> str:
        return f"model:{self.name}"


class ExpectedExamples(_Frozen):
    """Examples that an iteration waits for: they come over another topic than its request."""

    count: Annotated[int, Field(ge=1)]
    time_us: Annotated[int, Field(ge=0)]
    """Theirs."""


class ModelTrainingRequested(ModelEvent, type="model.training_requested", version=2):
    """A request for an iteration of the flywheel, or only for the evaluation of a model."""

    cause: Literal["drift", "schedule", "manual"]
    cause_event: str | None = None
    """Id of the drift event, or of the request that waited until there was enough to learn from."""
    by: str | None = None
    """The person who asked."""
    requested_us: Annotated[int, Field(ge=0)]
    evaluate: EvaluationTarget | None = None
    """Nothing is trained and no iteration counted: this model is evaluated, with the one in use, on
    the test data there is."""
    examples: ExpectedExamples | None = None
    """The iteration begins when these are known."""
    settings: dict[str, SettingValue] = {}
    """Of the training, in the place of the configured ones; it is trained with them also where
    nothing is new."""


class ModelExample(Payload, type="model.example", version=1):
    """Something that a model may learn from, or may not any more.

    It is about what its cause is about: it is erased with the photo or the row that it is of.
    """

    model_config = ConfigDict(protected_namespaces=())

    name: ModelName
    item: DatasetItem
    excluded: str | None = None
    """Why nobody may learn from it: it is an anomaly, somebody withdrew it."""

    def partition_key(self) -> str:
        return self.name


class ModelDataset(ModelEvent, type="model.dataset", version=3):
    """The data of an iteration is fixed."""

    iteration: Annotated[int, Field(ge=1)]
    first_version: ModelVersion = 1
    """What the first challenger trained on it is called."""
    cause: str | None = None
    """Id of the event that requested the iteration."""
    dataset: Sha256
    """Digest of the manifest: the dataset's name."""
    kind: ModelKind = "readings"
    manifest: ObjectRef
    """JSON of a :class:`DatasetManifest`."""
    previous: Sha256 | None = None
    """The dataset of the iteration before."""
    case: Literal["nothing_new", "only_test", "only_train", "both"]
    """What is new since then: nothing is done, all are evaluated again, trained again on the old
    test data, or both."""
    train_items: Annotated[int, Field(ge=0)]
    test_items: Annotated[int, Field(ge=0)]
    quarantined_items: Annotated[int, Field(ge=0)] = 0
    evaluate: EvaluationTarget | None = None
    """Nothing is new: only this model is evaluated again, with the one in use. ``iteration`` is the
    one the data was fixed in."""
    settings: dict[str, SettingValue] = {}
    """Of the training, in the place of the configured ones."""


class Provenance(_Frozen):
    """Everything that has to be the same for the same weights to come out, bit for bit."""

    seeds: dict[str, int]
    threads: Annotated[int, Field(ge=1)]
    """Of the linear algebra library: with another number the weights differ."""
    lockfile_sha256: Sha256 | None = None
    """Of the locked requirements installed; None outside a checkout."""
    code_sha256: Sha256
    """Of the training code."""
    python: str
    platform: str
    """Machine and system, as ``x86_64-linux``."""
    libraries: Labels = {}
    """Versions of the libraries that computed."""


class ModelTrained(ModelEvent, type="model.trained", version=1):
    """A challenger is there."""

    model: ModelRef
    iteration: Annotated[int, Field(ge=1)]
    algorithm: str
    """``pca``, ``autoencoder``, ``tfidf-logistic``, ..."""
    artifact: ObjectRef
    """ONNX with normalisation and score inside, or the file of a text classifier."""
    dataset: Sha256
    manifest: ObjectRef
    input_schema: InputSchema | None = None
    threshold: float | None = None
    """Score above which a window is anomalous."""
    false_alarm_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of normal windows above the threshold it was calibrated to."""
    parameters: dict[str, str | int | float | bool] = {}
    metrics: Metrics = {}
    """On the training data."""
    provenance: Provenance
    seconds: Annotated[float, Field(ge=0)] | None = None
    challengers: Annotated[int, Field(ge=1)] = 1
    """How many are trained in this iteration; they are evaluated together."""
    reference: ObjectRef | None = None
    """A sample of the readings it was trained on, to detect drift with: JSON with ``features`` and
    ``rows``."""
    settings: ObjectRef | None = None
    """JSON of all settings of the training: with the manifest, what it can be repeated from."""


class Gate(_Frozen):
    """A condition for promotion and how it came out."""

    name: str
    value: float
    limit: float
    rule: Literal["at_least", "at_most"]
    passed: bool


class ModelEvaluated(ModelEvent, type="model.evaluated", version=2):
    """Champion and challenger have been evaluated on the same frozen data."""

    model: ModelRef
    champion: ModelRef | None = None
    """The model in use; None for the first."""
    iteration: Annotated[int, Field(ge=1)]
    dataset: Sha256
    metrics: Metrics
    champion_metrics: Metrics = {}
    gates: tuple[Gate, ...] = ()
    passed: bool
    """All gates passed: it may be promoted."""
    artifact: ObjectRef | None = None
    """The file of the model that was evaluated."""
    requested_by: str | None = None
    """Id of the event that requested only this evaluation: it promotes nothing."""
    golden: ObjectRef | None = None
    """Inputs of the test part, what the model answered to them, and what is true: what a server has
    the model answer again before it serves it."""

    @property
    def of_champion(self) -> bool:
        """Whether the model in use itself was evaluated: it neither passed nor failed."""
        return self.champion is not None and self.champion.sha256 == self.model.sha256


class ModelPromoted(ModelEvent, type="model.promoted", version=2):
    """A model goes into use: an act of its own, by the gates or by a person."""

    model: ModelRef
    previous: ModelRef | None = None
    how: Literal["gates", "manual"]
    by: str
    """The person, or the stage."""
    evaluation: str | None = None
    """Id of the evaluation it rests on."""
    counter: Annotated[int, Field(ge=1)]
    """Goes up with every change of the model in use: a device takes no package with a lower one."""
    artifact: ObjectRef
    reason: str | None = None


class ModelRolledBack(ModelEvent, type="model.rolled_back", version=1):
    """The model before is in use again."""

    model: ModelRef
    """Now in use."""
    withdrawn: ModelRef
    by: str
    reason: str
    counter: Annotated[int, Field(ge=1)]
    artifact: ObjectRef


def _renamed(fields: dict[str, Any], former: str, name: str) -> dict[str, Any]:
    """The fields with one under its present name."""
    return {name if key == former else key: value for key, value in fields.items()}


def _manual(fields: dict[str, Any], field: str) -> dict[str, Any]:
    """The fields with the present word for an act of a person, which was ``hand``."""
    return fields | {field: "manual"} if fields.get(field) == "hand" else fields


@upcaster("model.training_requested", from_version=1)
def _training_requested_2(fields: dict[str, Any]) -> dict[str, Any]:
    return _manual(_renamed(fields, "judge", "evaluate"), "cause")


@upcaster("model.dataset", from_version=1)
def _dataset_2(fields: dict[str, Any]) -> dict[str, Any]:
    return _renamed(fields, "judge", "evaluate")


@upcaster("model.dataset", from_version=2)
def _dataset_3(fields: dict[str, Any]) -> dict[str, Any]:
    return fields  # other kinds than readings and documents were not possible


@upcaster("model.evaluated", from_version=1)
def _evaluated_2(fields: dict[str, Any]) -> dict[str, Any]:
    return _renamed(fields, "asked_by", "requested_by")


@upcaster("model.promoted", from_version=1)
def _promoted_2(fields: dict[str, Any]) -> dict[str, Any]:
    return _manual(fields, "how")
