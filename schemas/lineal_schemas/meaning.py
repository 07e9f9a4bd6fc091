"""Payloads of search by meaning."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from lineal_schemas.documents import DocumentEvent
from lineal_schemas.objects import Sha256


class DocumentEmbedded(DocumentEvent, type="document.embedded", version=1):
    """The paragraphs of a document have vectors, and can be found by what they mean."""

    model_config = ConfigDict(protected_namespaces=())

    engine: str
    """``minilm``, or ``classical`` where no network is installed."""
    model_version: str
    model_sha256: Sha256
    """Vectors of one model can be compared with each other."""
    paragraphs: Annotated[int, Field(ge=0)]
