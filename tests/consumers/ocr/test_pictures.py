"""Pictures inside documents are read as a part of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from unittest.mock import Mock

import docx
import pytest
from PIL import Image

from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage, Picture, engine
from lineal_consumers.ocr.pictures import add_pictures
from lineal_consumers.ocr.reading import read_part
from lineal_schemas.documents import DocumentKind, PageRange
from lineal_schemas.results import TextResult

LINES = ("Invoice 4711", "Total 1250 euros")


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes, DocumentKind], TextResult]:
    def look(data: bytes, kind: DocumentKind) -> TextResult:
        path = tmp_path / "object"
        path.write_bytes(data)
        pages = PageRange(first=1, last=1, method="parse")
        return TextResult.from_gzip(read_part(str(path), kind, pages, OcrConfig()))

    return look


@pytest.fixture
def picture(draw_page) -> bytes:
    out = io.BytesIO()
    draw_page(LINES, size=(700, 300)).save(out, "PNG", dpi=(150, 150))
    return out.getvalue()


def _letter(picture: bytes) -> bytes:
    document = docx.Document()
    document.add_paragraph("see below")
    document.add_picture(io.BytesIO(picture))
    document.add_picture(io.BytesIO(picture))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _mail(picture: bytes) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "a@b.c", "<1@x>"
    mail.set_content("<p>see below<img src='cid:1'>", subtype="html")
    mail.add_related(picture, "image", "png", cid="<1>")
    return mail.as_bytes()


def _html(picture: bytes) -> bytes:
    source = base64.b64encode(picture).decode()
    return f'<p>see below</p><img src="data:image/png;base64,{source}">'.encode()


def _rich_text(picture: bytes) -> bytes:
    return rb"{\rtf1 see below\par{\pict\pngblip " + picture.hex().encode() + b"}}"


@pytest.mark.parametrize(
    ("make", "kind"), [(_letter, "word"), (_mail, "email"), (_html, "html"), (_rich_text, "word")]
)
def test_words_in_a_picture_are_words_of_its_page(read, picture, make, kind) -> None:
    result = read(make(picture), kind)
    assert "see below" in result.text
    assert result.text.count("Invoice 4711") == 1
    assert "Total 1250 euros" in result.text
    assert [engine.name for engine in result.engines][-1] == "tesseract"
    assert result.pages[0].doubts == ()


@pytest.mark.parametrize(
    ("data", "doubt"),
    [(b"\x01\x00\x00\x00" + bytes(60), "EMF"), (b"no picture at all", "cannot be decoded")],
)
def test_a_picture_that_cannot_be_read_is_a_doubt(read, data, doubt) -> None:
    source = base64.b64encode(data).decode()
    result = read(f'<p>text</p><img src="data:image/x;base64,{source}">'.encode(), "html")
    assert doubt in result.pages[0].doubts[0]


def test_small_pictures_cost_nothing(read) -> None:
    out = io.BytesIO()
    Image.new("L", (16, 16)).save(out, "PNG")
    result = read(_html(out.getvalue()), "html")
    assert (result.text, result.pages[0].doubts) == ("see below", ())


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("GIF", {}), ("WEBP", {}), ("BMP", {}), ("JPEG2000", {}), ("JPEG2000", {"no_jp2": True}),
        ("AVIF", {}), ("PPM", {}),
    ],
)  # fmt: skip
def test_further_formats_of_images_are_read(draw_page, as_file, read_file, format, options) -> None:
    out = io.BytesIO()
    draw_page().convert("RGB").save(out, format, **options)
    text = read_file(as_file(out.getvalue(), "page"), kind="image").text
    assert "annual report" in text


def test_the_text_of_drawings_is_read() -> None:
    page = ParsedPage("before")
    page.pictures += [
        Picture("a.svg", b"<?xml version='1.0'?><svg><text>Invoice 7</text></svg>"),
        Picture("b.svg", b"<svg><path d='M0 0'/></svg>"),
    ]
    recognise = Mock(side_effect=AssertionError("there are no pixels"))
    assert not add_pictures(Parsed(engine("test"), [page]), OcrConfig(), recognise)
    assert page.text == "before\n\nInvoice 7"
    assert page.doubts == ["picture b.svg: nothing is text in this drawing in the format SVG"]
