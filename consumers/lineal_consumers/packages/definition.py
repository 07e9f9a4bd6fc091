"""What a kind of package is made of: the documents that are needed, rules across them, risk.

A file ``packages/NAME.toml`` declares one:

```toml
[case]
label = "case"
due = "P5D"

[documents.application]

[documents.payslip]
min = 3
max = 6

[rules.borrower]
same = ["application.borrower", "payslip.employee"]
compare = "name"

[risk]
review_from = 0.5
```
"""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from lineal.errors import LinealError
from lineal_schemas.fields import FieldName
from lineal_schemas.toml_lines import line_of

Compared = Literal["name", "text", "amount", "date"]
Weight = Annotated[float, Field(ge=0, le=1)]
NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
_CLASS_FIELD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.[a-z][a-z0-9_]{0,63}$")


class BadPackage(LinealError, ValueError):
    """A file of a package cannot be used; says which, in which line, and why."""


class FieldOfClass(NamedTuple):
    """A field of all documents of a class."""

    document_class: str
    field: str


def _is_field_of_class(text: str) -> str:
    if _CLASS_FIELD.fullmatch(text) is None:
        raise ValueError(f"{text!r} is to be CLASS.FIELD, as in application.borrower")
    return text


FieldPath = Annotated[str, AfterValidator(_is_field_of_class)]
"""``CLASS.FIELD``."""


def field_of_class(path: FieldPath) -> FieldOfClass:
    """Class and field of a path: classes may have dots, fields have none."""
    return FieldOfClass(*path.rpartition(".")[::2])


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CaseDefinition(_Declared):
    """By what a document's case is known, and until when all has to be there."""

    label: str | None = "case"
    """Label of the document that names the case."""
    field: FieldName | None = None
    """Field of the document that names it, where it has no such label."""
    due: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(days=14)
    """After the first document, as ISO 8601 has it (``P5D``, ``PT12H``), or in seconds."""


class NeededDocuments(_Declared):
    """How many documents of a class there are to be."""

    min: Annotated[int, Field(ge=0)] = 1
    """0: it may be missing, and is checked where it is there."""
    max: Annotated[int, Field(ge=1)] | None = None
    """More of them are a contradiction; None: there is no limit."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max is {self.max}, and less than min, which is {self.min}")
        return self


class RuleDefinition(_Declared):
    """What has to hold of fields across documents; one of ``same``, ``sum`` and ``dates``."""

    same: tuple[FieldPath, ...] = ()
    """All values of these fields, of all documents, say the same."""
    compare: Compared = "text"
    """Of ``same``. ``name``: whatever the case, accents, titles and the order of its words."""
    sum: FieldPath | None = None
    """The amounts of ``of``, of all documents, add up to this one."""
    of: tuple[FieldPath, ...] = ()
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """By how much amounts may differ."""
    dates: tuple[FieldPath, ...] = ()
    """These dates lie within ``within_days`` of each other, or are in this order, or both."""
    within_days: Annotated[int, Field(ge=0)] | None = None
    in_order: bool = False
    """None is later than one of those that follow."""
    weight: Weight = 0.4
    """What it adds to the risk when it is broken."""

    @model_validator(mode="after")
    def _is_one_rule(self) -> Self:
        if [bool(self.same), self.sum is not None, bool(self.dates)].count(True) != 1:
            raise ValueError("give one of same, sum and dates")
        if (self.sum is None) != (not self.of):
            raise ValueError("sum and of belong together")
        if self.dates and self.within_days is None and not self.in_order:
            raise ValueError("dates need within_days, in_order = true, or both")
        return self

    @property
    def fields(self) -> tuple[FieldOfClass, ...]:
        """All fields that it is about."""
        sum_of = () if self.sum is None else (self.sum,)
        return tuple(map(field_of_class, (*self.same, *sum_of, *self.of, *self.dates)))


class RiskFactor(_Declared):
    """What adds to the risk although nothing contradicts it."""

    field: FieldPath
    above: float | None = None
    below: float | None = None
    """Of an amount or a number."""
    equals: str | None = None
    weight: Weight
    reason: Annotated[str, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _compares(self) -> Self:
        if self.above is None and self.below is None and self.equals is None:
            raise ValueError("give above, below or equals")
        return self


class RiskDefinition(_Declared):
    """How the risk of a package is scored: weights of what is wrong add up, at most to 1."""

    review_from: Weight = 0.4
    """From this score on a person looks at the package."""
    missing: Weight = 0.3
    """For each document or field that is missing when the time is up."""
    table: str | None = None
    """Name of a table whose model scores cases (``prediction.made``, the entity is the case): a
    prediction above the score is the score."""
    factors: dict[FieldName, RiskFactor] = {}


class PackageDefinition(_Declared):
    """One kind of package."""

    case: CaseDefinition = CaseDefinition()
    documents: Annotated[dict[str, NeededDocuments], Field(min_length=1)]
    """By class."""
    rules: dict[FieldName, RuleDefinition] = {}
    risk: RiskDefinition = RiskDefinition()

    def fields_of(self, document_class: str) -> set[str]:
        """The fields of a class that rules and risk look at."""
        paths = [one for rule in self.rules.values() for one in rule.fields]
        paths += [field_of_class(factor.field) for factor in self.risk.factors.values()]
        return {one.field for one in paths if one.document_class == document_class}

    @property
    def problems(self) -> list[tuple[tuple[str, ...], str]]:
        """What is wrong between its parts: where, and why."""
        found: list[tuple[tuple[str, ...], str]] = []
        if self.case.label is None and self.case.field is None:
            found.append((("case",), "give a label, a field, or both: how is a case known?"))
        places: dict[tuple[str, ...], tuple[FieldOfClass, ...]] = {
            ("rules", name): rule.fields for name, rule in self.rules.items()
        }
        for name, factor in self.risk.factors.items():
            places["risk", "factors", name] = (field_of_class(factor.field),)
        for place, fields in places.items():
            for one in fields:
                if one.document_class not in self.documents:
                    said = f"documents of the class {one.document_class} are not declared"
                    found.append((place, f"{said}: [documents.{one.document_class}]"))
        return found


def read_packages(folder: Path) -> dict[str, PackageDefinition]:
    """The packages declared in the files of a folder, by name; none where there is no folder.

    Raises:
        BadPackage
    """
    if not folder.is_dir():
        return {}
    return {file.stem: read_file(file) for file in sorted(folder.glob("*.toml"))}


def read_file(file: Path) -> PackageDefinition:
    """The package declared in one file.

    Raises:
        BadPackage
    """
    if NAME.fullmatch(file.stem) is None:
        raise BadPackage(f"{file}: name it with lower-case letters and digits, as mortgage.toml")
    try:
        text = file.read_text()
        made = PackageDefinition.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise BadPackage(f"{file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadPackage(f"{file}: this is no TOML: {error}") from error
    except ValidationError as error:
        problems = [(tuple(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        raise BadPackage(_in_lines(file, text, problems)) from error
    if made.problems:
        raise BadPackage(_in_lines(file, text, made.problems))
    return made


def _in_lines(file: Path, text: str, problems: list[tuple[tuple[str, ...], str]]) -> str:
    said = (
        f"line {line_of(text, place)}: {'.'.join(place)}: {problem}" for place, problem in problems
    )
    return f"{file}: {'; '.join(said)}"
