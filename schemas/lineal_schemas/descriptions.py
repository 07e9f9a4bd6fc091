"""What people say of a document so that it is found again: tags, correspondent, date, labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lineal_schemas.documents import DocumentEvent, Salt
from lineal_schemas.fields import FieldSource
from lineal_schemas.objects import ObjectRef

Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s=,][^=,\x00-\x1f]*$")]
"""A label without a value."""
LabelKey = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
LabelValue = Annotated[str, Field(max_length=200)]


class DocumentDescribed(DocumentEvent, type="document.described", version=1):
    """A person has changed tags and labels of a document; all others stay."""

    added: tuple[Tag, ...] = ()
    """Tags that it has from now on."""
    removed: tuple[Tag, ...] = ()
    """Tags that it has no longer."""
    labels: dict[LabelKey, LabelValue] = {}
    """``correspondent``, ``date``, or any other; an empty text takes a label away."""
    result: ObjectRef | None = None
    """Its reading as it was then, to learn from; None: it was not read yet."""
    analysis: ObjectRef | None = None
    """And what was found in it."""
    by: str
    described_us: Annotated[int, Field(ge=0)]
    salt: Salt | None = None
    """See :attr:`lineal_schemas.documents.DocumentArrived.salt`."""

    @model_validator(mode="after")
    def _says_something(self) -> DocumentDescribed:
        if not (self.added or self.removed or self.labels):
            raise ValueError("name tags to add or to remove, or labels")
        if both := set(self.added) & set(self.removed):
            raise ValueError(f"the tag {min(both)!r} is both added and removed")
        return self


class RecognizedLabel(BaseModel):
    """A label that was recognised."""

    model_config = ConfigDict(frozen=True)

    value: str
    source: FieldSource
    """Beside its label, as examples have taught, by its place, or as people have said of a
    field."""
    confidence: Annotated[float, Field(ge=0, le=1)]
    examples: tuple[str, ...] = ()
    """Ids of the documents that taught it."""


class RecognizedDescription(BaseModel):
    """Who a document is from and of which day it is, as far as that was recognised; stored as
    JSON."""

    model_config = ConfigDict(frozen=True)

    labels: dict[LabelKey, RecognizedLabel]
