"""What writes a searchable PDF anew when people have corrected its text, found by entry point.

The entry points ``lineal.text_layers`` are named after kinds of files, as the stage ``classify``
names them: ``pdf``, ``image``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lineal.plugins import plugins
from lineal_schemas.documents import DocumentKind

ENTRY_POINTS = "lineal.text_layers"

WriteTextLayer: TypeAlias = Callable[[str, DocumentKind, bytes, bytes], bytes | None]
"""Given the path of the document's bytes, its kind, and the gzipped TextResults as it was read and
as it was corrected: the PDF, or None where there can be none. Called in a worker process."""


def text_layer_writer(kind: DocumentKind) -> WriteTextLayer | None:
    """What writes searchable PDFs of a kind of files; None if nothing installed does."""
    found: WriteTextLayer | None = plugins(ENTRY_POINTS).loaded.get(kind)
    return found
