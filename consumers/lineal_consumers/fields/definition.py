"""Which fields a class of document has: their types, the labels they stand beside, their rules.

A file ``fields/CLASS.toml`` declares those of a class:

```toml
[fields.number]
type = "id"
labels = ["order no", "purchase order"]
required = true
pattern = "PO-[0-9]+"

[fields.total]
type = "amount"
labels = ["total"]
sum_of = ["net", "tax"]
```
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from lineal.errors import LinealError
from lineal_schemas.fields import FieldName, FieldType

Checksum = Literal["iban", "luhn", "vat"]
Label = Annotated[str, Field(min_length=1, max_length=80)]
CLASS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
MARKS: frozenset[str] = frozenset(("checkbox", "signature", "stamp"))
"""Types that are drawn, and looked for on the image of the page."""


class BadFields(LinealError, ValueError):
    """A file of fields cannot be used; says which, in which line, and why."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldDefinition(_Declared):
    """One field: what its value is, where it stands, what holds of it."""

    type: FieldType
    labels: tuple[Label, ...] = ()
    """Words that stand left of the value or above it, whatever their case."""
    required: bool = False
    pattern: str | None = None
    """A regular expression that the whole value has to match."""
    checksum: Checksum | None = None
    sum_of: tuple[FieldName, ...] = ()
    """Fields whose amounts add up to this one."""
    sum_of_column: Label | None = None
    """Heading of a column of a table whose amounts add up to this one."""
    sender: bool = False
    """Of a text: who has sent the document, which is rarely labelled."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"this is no regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _sums_are_of_amounts(self) -> Self:
        if (self.sum_of or self.sum_of_column) and self.type not in ("amount", "number"):
            raise ValueError("only an amount or a number can be a sum")
        if self.sender and self.type != "text":
            raise ValueError("a sender is a text")
        return self


class ClassFields(_Declared):
    """The fields of one class of document."""

    fields: dict[FieldName, FieldDefinition]
    other_labels: tuple[Label, ...] = ()
    """Labels of values that are none of these fields, so that they are not taken for them."""

    @model_validator(mode="after")
    def _sums_are_of_declared_fields(self) -> Self:
        for name, field in self.fields.items():
            for part in field.sum_of:
                if part not in self.fields or self.fields[part].type not in ("amount", "number"):
                    raise PydanticCustomError(
                        "sum",
                        "it is a sum of {part}, which is no declared amount",
                        {"part": part, "place": ("fields", name, "sum_of")},
                    )
        return self

    @property
    def has_marks(self) -> bool:
        """Whether the image of the page has to be looked at."""
        return any(field.type in MARKS for field in self.fields.values())


def read_class_fields(folder: Path) -> dict[str, ClassFields]:
    """The fields declared in the files of a folder, by class; none where there is no folder.

    Raises:
        BadFields
    """
    if not folder.is_dir():
        return {}
    return {file.stem: read_file(file) for file in sorted(folder.glob("*.toml"))}


def read_file(file: Path) -> ClassFields:
    """The fields declared in one file.

    Raises:
        BadFields
    """
    if CLASS.fullmatch(file.stem) is None:
        raise BadFields(f"{file}: the file is to be named as the class is, as in invoice.toml")
    try:
        text = file.read_text()
        return ClassFields.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise BadFields(f"{file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadFields(f"{file}: this is no TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"line {line_of(text, place)}: {'.'.join(map(str, place))}: {problem['msg']}"
            for problem in error.errors()
            for place in [problem["loc"] or tuple(problem.get("ctx", {}).get("place", ()))]
        )
        raise BadFields(f"{file}: {problems}") from error


def line_of(text: str, place: tuple[int | str, ...]) -> int:
    """The line, from 1, of a TOML file in which a value stands, or the table that it is lacking
    in."""
    names = [str(name) for name in place]
    lines = text.splitlines()
    begin = 0
    for count in range(len(names), 0, -1):
        header = ".".join(names[:count])
        found = next(
            (n for n, line in enumerate(lines) if line.split("#")[0].strip() == f"[{header}]"), None
        )
        if found is not None:
            begin = found
            names = names[count:]
            break
    if names:
        for number in range(begin + (1 if begin else 0), len(lines)):
            if begin and lines[number].lstrip().startswith("["):
                break
            if re.match(rf"\s*{re.escape(names[0])}\s*[=.]", lines[number]):
                return number + 1
    return begin + 1
