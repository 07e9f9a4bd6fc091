"""Files of every kind, sound and broken, and a short way to have one looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import ClassifiedFile, inspect_file

PROSE = (
    "The committee met on Tuesday to discuss the annual report and agreed that the figures for "
    "the second quarter should be published together with a short explanation of the method. "
)

Inspect = Callable[..., ClassifiedFile]
MakePdf = Callable[[Sequence[bytes]], bytes]


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    """Looks at some bytes as a file that arrived under a name."""

    def look(data: bytes, name: str = "file", **limits: int) -> ClassifiedFile:
        path = tmp_path / "object"
        path.write_bytes(data)
        return inspect_file(path, name, ClassifyConfig.model_validate(limits))

    return look


@pytest.fixture
def pdf_of_objects() -> MakePdf:
    """Writes a PDF of the given objects, the first of which must be the catalog."""

    def make(objects: Sequence[bytes]) -> bytes:
        out = bytearray(b"%PDF-1.4\n")
        offsets = []
        for number, body in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)

    return make


@pytest.fixture
def pdf_of_pages(pdf_of_objects: MakePdf) -> MakePdf:
    """Writes a PDF of pages with the given content streams.

    They may use the font /F1 and the image /Im1, a grey square.
    """

    def make(contents: Sequence[bytes]) -> bytes:
        kids = b" ".join(b"%d 0 R" % (5 + 2 * index) for index in range(len(contents)))
        objects = [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(contents), kids),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Type/XObject/Subtype/Image/Width 8/Height 8/ColorSpace/DeviceGray"
            b"/BitsPerComponent 8/Length 64>>\nstream\n" + b"\x80" * 64 + b"\nendstream",
        ]
        for index, content in enumerate(contents):
            objects.append(
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
                b"/Resources<</Font<</F1 3 0 R>>/XObject<</Im1 4 0 R>>>>>>" % (6 + 2 * index)
            )
            objects.append(b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content))
        return pdf_of_objects(objects)

    return make


@pytest.fixture
def show_text() -> Callable[..., bytes]:
    """A content stream that shows lines of text; ``mode=3`` makes them invisible."""

    def show(text: str = PROSE * 3, mode: int = 0) -> bytes:
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        lines = [escaped[at : at + 90] for at in range(0, len(escaped), 90)]
        shown = "".join(f"({line}) Tj T*\n" for line in lines)
        return f"BT /F1 10 Tf 12 TL {mode} Tr 50 740 Td\n{shown}ET\n".encode("latin-1")

    return show


@pytest.fixture
def scan() -> bytes:
    """A content stream that covers the page with an image."""
    return b"q 612 0 0 792 0 0 cm /Im1 Do Q\n"
