"""Streams of pages: files that hold several documents, and how they are split."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal_schemas.documents import DocumentEvent
from lineal_schemas.objects import ObjectRef

PageNumber = Annotated[int, Field(ge=1)]


class StreamPart(BaseModel):
    """Pages of a file, from 1, that are a document of their own."""

    model_config = ConfigDict(frozen=True)

    first: PageNumber
    last: PageNumber
    content: ObjectRef | None = None
    """A PDF of these pages, which arrived as a document; None: a person has to say first whether
    they are one document or several."""


class DocumentSplitRequested(DocumentEvent, type="document.split_requested", version=1):
    """A person says that a file holds several documents, and may say where they begin."""

    first_pages: tuple[PageNumber, ...] = ()
    """The pages with which documents begin; empty: they are to be found."""
    by: str
    requested_us: Annotated[int, Field(ge=0)]


class DocumentSplit(DocumentEvent, type="document.split", version=1):
    """It is decided which pages of a file are documents of their own."""

    parts: tuple[StreamPart, ...]
    """In their order; together they are all pages of the file."""
    doubtful_pages: tuple[PageNumber, ...] = ()
    """Of which a person has to say whether a document begins with them."""
