"""The parts of a document become its results: text, JSON, CSV and searchable PDF."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from pydantic_core import to_json

from lineal_catalog.documents.csv_export import CsvExport
from lineal_consumers.ocr.text_layer_writer import TextLayerWriter
from lineal_schemas.documents import DocumentKind, PageDoubt
from lineal_schemas.results import PAGE_SEPARATOR, Engine, TextResult

_IN_MEMORY = 64 << 20
"""Bytes of page JSON that are kept in memory: some 2,000 pages."""
_CHUNK = 1 << 20


@dataclass(slots=True)
class Assembled:
    """The text and pages of a document, put together from its parts."""

    pages: int
    text: bytes
    """UTF-8, pages separated by a form feed."""
    result: bytes
    """Gzipped JSON of a TextResult."""
    csv: bytes | None
    pdf: bytes | None
    """None where the original serves (a PDF to which nothing was added) or there are no pages."""
    doubts: tuple[PageDoubt, ...]


def assemble_parts(path: str, kind: DocumentKind, parts: Sequence[bytes]) -> Assembled:
    """Join the parts of the document in the file ``path``.

    Args:
        parts: the gzipped TextResult of each part, in the order of the pages.

    Parts are unpacked one at a time: what they hold is some hundred times their size.
    """
    engines: list[Engine] = []
    texts: list[str] = []
    doubts: list[PageDoubt] = []
    export = CsvExport(kind)
    overlay = TextLayerWriter(path, kind)
    count = offset = 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as pages:
        for part in parts:
            result = TextResult.from_gzip(part)
            engines += (engine for engine in result.engines if engine not in engines)
            texts.append(result.text)
            for page in result.pages:
                export.add(page)
                overlay.add(page, result.text)
                if page.doubts:
                    doubts.append(
                        PageDoubt(page=page.number, reasons=page.doubts, places=page.doubt_places)
                    )
                pages.write(b"," if count else b"")
                pages.write(page.moved(offset).model_dump_json().encode())
                count += 1
            offset += len(result.text) + len(PAGE_SEPARATOR)
        text = PAGE_SEPARATOR.join(texts)
        pages.seek(0)
        # In the order of the fields of TextResult, as its own to_gzip would write it.
        head = b'{"engines":%b,"text":%b,"pages":[' % (to_json(engines), to_json(text))
        packed = _gzip(chain([head], iter(lambda: pages.read(_CHUNK), b""), [b"]}"]))
    return Assembled(
        pages=count,
        text=text.encode(),
        result=packed,
        csv=export.to_bytes(),
        pdf=overlay.to_bytes(),
        doubts=tuple(doubts),
    )


def _gzip(chunks: Iterable[bytes]) -> bytes:
    """Like gzip.compress with mtime 0, without all of the input in memory."""
    packer = zlib.compressobj(level=6, wbits=16 + zlib.MAX_WBITS)
    return b"".join([*map(packer.compress, chunks), packer.flush()])
