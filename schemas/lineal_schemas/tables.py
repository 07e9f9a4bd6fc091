"""Payloads of tables: rows that arrived, features made of them, and predictions."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from lineal_schemas.models import ModelName, ModelRef
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload
from lineal_schemas.telemetry import Micros


class TableEvent(Payload):
    """What all events of one table have in common."""

    model_config = ConfigDict(protected_namespaces=())

    table: ModelName

    def partition_key(self) -> str:
        return self.table

    def correlation_key(self) -> str:
        return f"table:{self.table}"


class TableArrived(TableEvent, type="table.arrived", version=1):
    """Rows of a table are there: all of them, up to a time."""

    source: str
    """Where they came from: ``file:orders.csv``, ``postgres``, ``events:TYPE``."""
    content: ObjectRef
    """The rows as a file, CSV or Parquet."""
    definition: ObjectRef
    """The file that declares features and targets, TOML."""
    as_of_us: Micros
    """What is known: rows of this time and later are not looked at."""


class FeatureBucket(BaseModel):
    """Features of some entities of a table; an entity is always in the same bucket."""

    model_config = ConfigDict(frozen=True)

    bucket: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]
    content: ObjectRef
    """A NumPy archive: ``entity``, ``cutoff`` (microseconds), ``features``, one array for each
    target."""


class TableFeatures(TableEvent, type="table.features", version=1):
    """Features of all entities as of a time, to score."""

    definition: ObjectRef
    as_of_us: Micros
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    buckets: tuple[FeatureBucket, ...]
    rows_read: Annotated[int, Field(ge=0)]
    shift: Annotated[float, Field(ge=0)] | None = None
    """The largest population stability index of a feature since the last training was asked for;
    above 0.25 is commonly taken for a changed population."""


class PredictionMade(TableEvent, type="prediction.made", version=1):
    """A model has scored a bucket of a table."""

    model: ModelRef
    as_of_us: Micros
    bucket: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]
    content: ObjectRef
    """A JSON object a line, compressed with gzip: ``entity``, ``value`` (calibrated: a probability,
    or an amount), and ``reasons``, the features that moved it most."""
    mean: float
    """Of the values."""


FeatureName = Annotated[str, Field(min_length=1, max_length=64)]
Coverage = Annotated[float, Field(ge=0.5, le=0.99)]
"""The share of intervals that are to hold what they are of."""


class PredictionAsked(TableEvent, type="prediction.asked", version=1):
    """Somebody asks what a model would say if features of an entity had other values."""

    question_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    model: ModelName
    entity: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Whose features, as of the newest rows."""
    row: dict[FeatureName, FiniteFloat | None] | None = None
    """Instead: the features themselves; those that are not named are missing."""
    changes: Annotated[dict[FeatureName, FiniteFloat | None], Field(max_length=200)] = {}
    """What if these had other values; None: if they were missing."""
    coverage: Coverage = 0.9
    by: str
    requested_us: Micros

    @model_validator(mode="after")
    def _of_somebody(self) -> PredictionAsked:
        if (self.entity is None) == (self.row is None):
            raise ValueError("name an entity, or give a row of features")
        return self


class Reason(BaseModel):
    """A feature that moved a prediction."""

    model_config = ConfigDict(frozen=True)

    feature: str
    value: float | None
    """None: missing."""
    moved: float
    """Its Shapley value, in log-odds, or amounts before calibration."""


class Estimate(BaseModel):
    """A prediction, and how far it can be trusted."""

    model_config = ConfigDict(frozen=True)

    value: float
    """Calibrated: a probability, or an amount."""
    low: float | None
    """Of a probability: where it is; of an amount: where the outcome will be. None: no bound can be
    given at this coverage."""
    high: float | None
    outcomes: tuple[int, ...] | None = None
    """Of a classification, the outcomes (0, 1) that cannot be ruled out at this coverage; none: the
    row is like neither's."""
    reasons: tuple[Reason, ...] = ()


class OutsideRange(BaseModel):
    """A value as no row had that the model has learnt from."""

    model_config = ConfigDict(frozen=True)

    feature: str
    value: float | None
    """None: missing, which it never was."""
    low: float | None
    high: float | None
    """Of what was learnt from; None: it was always missing."""


class PredictionAnswered(TableEvent, type="prediction.answered", version=1):
    """What a model says of an entity as it is, and as it would be; or nothing, and why.

    It is the model's answer, and not what would happen if somebody made the change: the model knows
    what went together, and no causes.
    """

    question_id: str
    model: ModelRef | None = None
    """Which version answered."""
    problem: str | None = None
    """Why there is no answer."""
    as_of_us: Micros | None = None
    """Of which time the entity's features are."""
    coverage: Coverage
    now: Estimate | None = None
    then: Estimate | None = None
    """With the changes; None: there were none."""
    outside: tuple[OutsideRange, ...] = ()
    """Of the row with its changes: what the answer extrapolates from."""
    by: str
