"""Fields of documents: the values that a class of document has, as they were extracted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.documents import DocumentEvent, PageBox
from lineal_schemas.models import ModelRef
from lineal_schemas.objects import ObjectRef

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
FieldType = Literal[
    "text", "id", "date", "amount", "number", "iban", "checkbox", "signature", "stamp"
]
"""What a value is. ``checkbox``, ``signature`` and ``stamp`` are marks drawn on the page: their
values are ``yes`` and ``no``."""

FieldSource = Literal["label", "learnt", "entity", "place", "mark", "person"]
"""How a value was found: beside its label, as examples have taught, as the only entity of its type,
by where it stands on the page, as a mark, or because a person has said so."""


class ExtractedField(BaseModel):
    """The value of one field of a document."""

    model_config = ConfigDict(frozen=True)

    name: FieldName
    type: FieldType
    value: str | None
    """Normalised: an ISO date, an amount with a decimal point; None where none was found."""
    text: str = ""
    """As it stands on the page."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    box: PageBox | None = None
    source: FieldSource | None = None
    """None where no value was found."""
    examples: tuple[str, ...] = ()
    """Ids of the corrected documents that taught where it stands."""
    problems: tuple[str, ...] = ()
    """Rules that it breaks."""


class FieldValues(BaseModel):
    """All fields of a document; stored as JSON."""

    model_config = ConfigDict(frozen=True)

    document_class: str
    fields: tuple[ExtractedField, ...]


class DocumentFieldsExtracted(DocumentEvent, type="document.fields_extracted", version=1):
    """The fields that are declared for the document's class have been looked for."""

    document_class: str
    text: ObjectRef
    """As in ``document.analyzed``, with the two that follow."""
    result: ObjectRef
    analysis: ObjectRef
    fields: ObjectRef
    """JSON of a :class:`FieldValues`: with confidence, place, and what was broken."""
    values: dict[str, str]
    """The values that were found, normalised, by the name of the field."""
    unsure: tuple[FieldName, ...] = ()
    """Fields that a person should look at: not sure enough, or breaking a rule."""
    by_person: tuple[FieldName, ...] = ()
    """Fields whose values a person has said."""
    model: ModelRef | None = None
    """The memory of examples that was used."""
