"""Payloads of health records: copies without what identifies a person."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.documents import DocumentEvent, Salt
from lineal_schemas.models import ModelName
from lineal_schemas.objects import ObjectRef
from lineal_schemas.telemetry import Micros

DateTreatment = Literal["shift", "year"]
"""``shift``: all dates of a patient are moved by one secret number of days, so intervals stay;
``year``: only the year stays, as HIPAA's Safe Harbor has it to the letter."""


class RecordTable(BaseModel):
    """What is made of a de-identified record next: rows of a table, from which models learn."""

    model_config = ConfigDict(frozen=True)

    name: ModelName
    definition: ObjectRef
    """The file that declares columns, features and targets, TOML."""
    as_of_us: Micros
    """What is known, on the record's own calendar: later entries are not looked at."""


class RecordDeidentificationRequested(
    DocumentEvent, type="record.deidentification_requested", version=1
):
    """A person asks for a copy of a document without identifiers. The original stays."""

    pseudonyms: bool = True
    """The same pseudonym for the same name or number; else its kind alone: ``[NAME]``."""
    dates: DateTreatment = "shift"
    patient: Annotated[str, Field(max_length=500)] | None = None
    """Whose text it is, where it does not say so itself: by whom dates are shifted."""
    table: RecordTable | None = None
    by: str
    requested_us: Micros
    salt: Salt | None = None
    """See :attr:`~lineal_schemas.documents.DocumentArrived.salt`."""


class RecordDeidentified(DocumentEvent, type="record.deidentified", version=1):
    """There is a copy of a document without identifiers, or none, and why."""

    content: ObjectRef | None = None
    """The copy: FHIR as it was (JSON, or a resource a line), CSV, or text."""
    problem: str | None = None
    """Why there is none."""
    identifiers: dict[str, Annotated[int, Field(ge=0)]] = {}
    """By kind, how many were taken out: ``NAME``, ``DATE``, ``MRN``, ..."""
    dates: DateTreatment
    key_id: str | None = None
    """Of the secret that offsets and pseudonyms come from: copies of one key go together."""
    table: RecordTable | None = None
    by: str
