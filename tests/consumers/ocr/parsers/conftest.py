"""A short way to have bytes parsed as a document of some kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lineal_consumers.ocr.parsers import parse_document
from lineal_schemas.documents import DocumentKind, PageRange
from lineal_schemas.results import TextResult


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., TextResult]:
    """Parses bytes (or text, as UTF-8) and checks what holds for every result."""

    def read(data: bytes | str, kind: DocumentKind, pages: int = 1) -> TextResult:
        path = tmp_path / "object"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        result = parse_document(path, kind, PageRange(first=1, last=pages, method="parse"))
        assert [page.number for page in result.pages] == list(range(1, pages + 1))
        assert "\f".join(result.text[page.begin : page.end] for page in result.pages) == result.text
        assert TextResult.from_gzip(result.to_gzip()) == result
        return result

    return read
