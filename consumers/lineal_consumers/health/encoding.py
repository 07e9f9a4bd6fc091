"""Makes rows of FHIR resources: whose, when, and the numbers that a definition names.

```toml
[columns.hba1c]
observation = "4548-4"       # the value of an Observation with this code
[columns.diabetes]
condition = "44054006"       # 1 when a Condition with it begins
[columns.emergency]
encounter = "EMER"           # 1 for an Encounter of this class
[columns.metformin]
medication = "860975"        # 1 when it is prescribed
```

The rest of the file is the definition of a table (docs/tables.md), whose entity is ``patient`` and
whose time is ``at``. Each row has ``age`` (years) and ``female`` (1 or 0) as well.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from lineal import Reject

_YEAR_DAYS = 365.25
_OLDEST = 90.0
_TIMES = {
    "Observation": ("effectiveDateTime", "issued"),
    "Condition": ("onsetDateTime", "recordedDate"),
    "Encounter": ("period",),
    "MedicationRequest": ("authoredOn",),
}
_OF_PATIENT = ("birthDate", "_birthDate", "gender")
_RESOURCES = {
    "Observation": "observation",
    "Condition": "condition",
    "Encounter": "encounter",
    "MedicationRequest": "medication",
}


class Column(BaseModel):
    """What a column holds: one of these, by its code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    observation: str | None = None
    condition: str | None = None
    encounter: str | None = None
    medication: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Column:
        if sum(value is not None for value in self.model_dump().values()) != 1:
            raise ValueError("name one of observation, condition, encounter and medication")
        return self


class EncodedRows(NamedTuple):
    """What a worker process answers."""

    rows: bytes
    """CSV: ``patient``, ``at`` (microseconds since the epoch), ``age``, ``female``, the columns."""
    definition: bytes
    """The definition without its columns."""
    row_count: int


def encode_records(path: str, definition: bytes) -> EncodedRows:
    """Rows of the resources of a de-identified export, which is read line by line, twice: patients
    may stand after what is told of them.

    Raises:
        Reject: the definition cannot be used, or the records are no FHIR.
    """
    columns = _columns(definition)
    patients = {
        one.get("id"): {name: one[name] for name in _OF_PATIENT if name in one}
        for one in _resources(path)
        if one.get("resourceType") == "Patient"
    }
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(("patient", "at", "age", "female", *columns))
    count = 0
    for one in _resources(path):
        for patient, at, values in _row(one, columns):
            about = patients.get(patient, {})
            female = {"female": 1, "male": 0}.get(str(about.get("gender")), "")
            writer.writerow(
                (patient, at, _age(about, at), female, *(values.get(name, "") for name in columns))
            )
            count += 1
    if not count:
        raise Reject("no resource of the record has a code that the columns name")
    rest = definition.decode().split("\n")
    return EncodedRows(made.getvalue().encode(), _without_columns(rest), count)


def _resources(path: str) -> Iterator[dict[str, Any]]:
    with Path(path).open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                resource = orjson.loads(line)
            except orjson.JSONDecodeError:
                resource = None
            if not isinstance(resource, dict):
                raise Reject("the record is no FHIR, a resource a line")
            yield resource


def _columns(definition: bytes) -> dict[str, Column]:
    try:
        given = tomllib.loads(definition.decode()).get("columns", {})
        found = {str(name): Column.model_validate(value) for name, value in given.items()}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Reject(f"the definition is no TOML: {error}") from error
    except ValidationError as error:
        raise Reject(f"the columns cannot be used: {error.errors()[0]['msg']}") from error
    if not found:
        raise Reject("the definition has no [columns.NAME]: name what is read of the records")
    return found


def _without_columns(lines: list[str]) -> bytes:
    kept, inside = [], False
    for line in lines:
        if line.lstrip().startswith("["):
            inside = line.lstrip().startswith("[columns.")
        if not inside:
            kept.append(line)
    return "\n".join(kept).encode()


def _row(
    resource: Mapping[str, Any], columns: Mapping[str, Column]
) -> Iterator[tuple[str, int, dict[str, float]]]:
    kind = str(resource.get("resourceType"))
    if kind not in _RESOURCES:
        return
    codes = _codes(resource, kind)
    values: dict[str, float] = {}
    for name, column in columns.items():
        if getattr(column, _RESOURCES[kind]) in codes:
            value = resource.get("valueQuantity", {}).get("value") if kind == "Observation" else 1.0
            if isinstance(value, int | float):
                values[name] = float(value)
    about = resource.get("subject") or resource.get("patient") or {}
    patient = str(about.get("reference", "")).rpartition("/")[2].rpartition(":")[2]
    at = _time(resource, kind)
    if values and patient and at is not None:
        yield patient, at, values


def _codes(resource: Mapping[str, Any], kind: str) -> set[str]:
    if kind == "Encounter":
        of_class = resource.get("class", {})
        return {str(of_class.get("code"))} if isinstance(of_class, dict) else set()
    concept = resource.get(
        "medicationCodeableConcept" if kind == "MedicationRequest" else "code", {}
    )
    return {str(one.get("code")) for one in concept.get("coding", ()) if isinstance(one, dict)}


def _time(resource: Mapping[str, Any], kind: str) -> int | None:
    for name in _TIMES[kind]:
        value = resource.get(name)
        text = value.get("start") if isinstance(value, dict) else value
        if isinstance(text, str):
            return _us(text)
    return None


def _us(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text if len(text) > 7 else f"{text:-<7}"[:7] + "-15")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1e6)


def _age(patient: Mapping[str, Any], at: int) -> float | str:
    """Years; 90 where the date of birth was left out because it tells more."""
    if "_birthDate" in patient:
        return _OLDEST
    born = _us(str(patient.get("birthDate", "")))
    return "" if born is None else round((at - born) / 86_400e6 / _YEAR_DAYS, 2)
