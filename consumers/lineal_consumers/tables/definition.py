"""The file that declares which features and targets are made of a table's rows.

```toml
entity = "customer"          # whom a row is of
time = "date"                # when it happened
cutoffs = ["1997-09-30"]     # features are of the rows before, targets of those after
horizon_days = 273           # how far after

[features.orders]
aggregate = "count"

[features.spent_90_days]
aggregate = "sum"
column = "amount"
days = 90

[targets.value]
aggregate = "sum"
column = "amount"
```
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lineal import Reject

DAY_US = 86_400_000_000
Aggregate = Literal[
    "count", "sum", "mean", "max", "min", "last",
    "days_since_last", "days_since_first", "mean_gap_days",
]  # fmt: skip
_WITHOUT_COLUMN = frozenset(("count", "days_since_last", "days_since_first", "mean_gap_days"))
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Declared):
    """Something about an entity as of a time, of the rows before it alone."""

    aggregate: Aggregate
    column: Name | None = None
    days: Annotated[int, Field(ge=1)] | None = None
    """Only rows of so many days before; None: all."""

    @model_validator(mode="after")
    def _column_where_needed(self) -> Self:
        if (self.column is None) != (self.aggregate in _WITHOUT_COLUMN):
            needs = "takes no column" if self.column is not None else "needs a column"
            raise ValueError(f"{self.aggregate} {needs}")
        return self


class Target(_Declared):
    """What is to be predicted, of the rows from a time on, up to the horizon."""

    aggregate: Literal["sum", "count", "none", "any"]
    """``none``: 1 for an entity without any row (it has churned), else 0; ``any``: 1 for one with a
    value above 0 in the column."""
    column: Name | None = None

    @model_validator(mode="after")
    def _column_where_needed(self) -> Self:
        if (self.column is None) != (self.aggregate not in ("sum", "any")):
            raise ValueError("a sum and any need a column, and nothing else takes one")
        return self


class Definition(_Declared):
    """What is made of a table's rows."""

    entity: Name
    time: Name
    time_format: str | None = None
    """As of ``strptime``; None: dates and times as ISO 8601 has them, or whole numbers of
    microseconds since the Unix epoch."""
    cutoffs: tuple[date, ...] = ()
    """Beginnings of UTC days; each entity is an example at each. None: the latest possible."""
    horizon_days: Annotated[int, Field(ge=1)]
    buckets: Annotated[int, Field(ge=4, le=4096)] = 64
    """Parts of the entities; what is learnt from and evaluated on is split by them."""
    features: dict[Name, Feature]
    targets: dict[Name, Target]

    @property
    def columns(self) -> tuple[str, ...]:
        """The numeric columns that are read."""
        named = [one.column for one in self.features.values()]
        named += [one.column for one in self.targets.values()]
        return tuple(sorted({name for name in named if name is not None}))

    @property
    def horizon_us(self) -> int:
        return self.horizon_days * DAY_US

    def cutoffs_us(self, as_of_us: int) -> tuple[int, ...]:
        """The times at which entities are examples: those whose horizon has passed."""
        declared = [
            int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6)
            for day in self.cutoffs
        ]
        possible = declared or [as_of_us - self.horizon_us]
        return tuple(cutoff for cutoff in possible if cutoff + self.horizon_us <= as_of_us)


def read_definition(data: bytes) -> Definition:
    """Read a definition.

    Raises:
        Reject: it is not one; says what is wrong in it.
    """
    try:
        return Definition.model_validate(tomllib.loads(data.decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Reject(f"the definition is no TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise Reject(f"the definition cannot be used: {problems}") from error
