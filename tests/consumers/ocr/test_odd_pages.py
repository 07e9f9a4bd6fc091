"""Pages that are put together by chance of what is hard to read: all that is drawn is read or
doubted, and what nobody sees is doubted where it is read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, String
from reportlab.pdfgen.canvas import Canvas

from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_consumers.ocr.assembling import assemble_parts
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_schemas.results import TextResult
from tests.consumers.ocr.pdf_drawing import PROSE, pasted, picture, typed, written
from tests.long import examples

WORDS = ("harbour", "lantern", "meadow", "orchard", "pencil", "quarry")
HELVETICA = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)


@dataclass
class OddPage:
    """What is drawn onto a page, and what is added to it when it is a PDF."""

    draw: list[Callable[[Canvas], object]] = field(default_factory=list)
    annotations: list[Callable[[pikepdf.Pdf], Dictionary]] = field(default_factory=list)


Put = Callable[[OddPage, str, int], None]
"""Puts a text at a height onto a page."""


def write(canvas: Canvas, text: str, y: int, size: float = 12) -> None:
    canvas.setFont("Helvetica", size)
    canvas.drawString(80, y, text)


def plain(page: OddPage, text: str, y: int) -> None:
    page.draw.append(lambda canvas: write(canvas, text, y))


def turned(page: OddPage, text: str, y: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.saveState()
        canvas.translate(300, y)
        canvas.rotate(180)
        canvas.drawString(0, 0, text)
        canvas.restoreState()

    page.draw.append(draw)


def in_a_form(page: OddPage, text: str, y: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm(f"form{y}")
        write(canvas, text, y)
        canvas.endForm()
        canvas.doForm(f"form{y}")

    page.draw.append(draw)


def in_a_picture(page: OddPage, text: str, y: int) -> None:
    page.draw.append(pasted(picture((text,), (900, 120)), 80, y - 10, 240))


def in_strips(page: OddPage, text: str, y: int) -> None:
    whole = picture((text,), (900, 120))
    for top in range(0, 120, 10):
        strip = whole.crop((0, top, 900, top + 10))
        page.draw.append(pasted(strip, 80, y + 20 - top * 240 / 900, 240))


def white(page: OddPage, text: str, y: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFillGray(1)
        write(canvas, text, y)
        canvas.setFillGray(0)

    page.draw.append(draw)


def tiny(page: OddPage, text: str, y: int) -> None:
    page.draw.append(lambda canvas: write(canvas, text, y, size=1))


def covered(page: OddPage, text: str, y: int) -> None:
    def draw(canvas: Canvas) -> None:
        write(canvas, text, y)
        canvas.rect(60, y - 8, 250, 26, stroke=0, fill=1)

    page.draw.append(draw)


def annotation(kind: str, flags: int = 4, *, drawn: bool = True) -> Put:
    def put(page: OddPage, text: str, y: int) -> None:
        def make(pdf: pikepdf.Pdf) -> Dictionary:
            made = Dictionary(
                Type=Name.Annot, Subtype=Name("/" + kind), F=flags, Rect=[80, y - 8, 320, y + 18],
                Contents=String(text), DA=String("/Helv 12 Tf 0 g"),
            )  # fmt: skip
            if drawn:
                form = pdf.make_stream(f"BT /F 12 Tf 2 7 Td ({text}) Tj ET".encode())
                form.update(
                    Dictionary(
                        Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 240, 26],
                        Resources=Dictionary(Font=Dictionary(F=HELVETICA)),
                    )
                )  # fmt: skip
                made.AP = Dictionary(N=form)
            return made

        page.annotations.append(make)

    return put


SHOWN = {
    "plain": plain, "turned": turned, "form": in_a_form, "picture": in_a_picture,
    "strips": in_strips, "stamp": annotation("Stamp"), "link": annotation("Link"),
    "typed": annotation("FreeText"), "typed bare": annotation("FreeText", drawn=False),
    "comment": annotation("Text", drawn=False),
}  # fmt: skip
HIDDEN = {
    "white": white, "tiny": tiny, "covered": covered, "hidden": annotation("Stamp", 2),
    "not viewed": annotation("FreeText", 32), "hidden comment": annotation("Text", 2, drawn=False),
}  # fmt: skip


def inherit(page: pikepdf.Page) -> None:
    page.obj.Parent.Resources = page.obj.Resources
    del page.obj.Resources


def divide(page: pikepdf.Page) -> None:
    page.obj.MediaBox, page.obj.CropBox = Array([-40, -30, 700, 850]), Array([0, 0, 612, 792])


CHANGES: dict[str, Callable[[pikepdf.Page], None]] = {
    "none": lambda _page: None, "inherited": inherit, "cropped": divide,
}  # fmt: skip


def odd_pdf(names: list[str], change: str) -> tuple[bytes, list[str]]:
    """A PDF of prose and some of these, and their texts."""
    page, texts = OddPage([typed(*PROSE)]), []
    for at, name in enumerate(names):
        texts.append(f"{WORDS[at]} {4 + at}27{9 - at}")
        (SHOWN | HIDDEN)[name](page, texts[-1], 620 - 90 * at)
    with pikepdf.open(io.BytesIO(written(*page.draw))) as pdf:
        first = pdf.pages[0]
        if page.annotations:
            first.obj.Annots = Array([pdf.make_indirect(make(pdf)) for make in page.annotations])
        CHANGES[change](first)
        pdf.save(out := io.BytesIO())
    return out.getvalue(), texts


@given(
    names=st.lists(st.sampled_from([*SHOWN, *HIDDEN]), min_size=1, max_size=5),
    change=st.sampled_from(sorted(CHANGES)),
)
@settings(max_examples=examples(8), deadline=None)
def test_what_an_odd_page_draws_is_read_and_what_it_hides_is_doubted(
    names: list[str], change: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, texts = odd_pdf(names, change)
    path = Path(tmp_path_factory.mktemp("odd")) / "a.pdf"
    path.write_bytes(data)
    plan = inspect_file(path, "a.pdf", ClassifyConfig()).plan
    parts = [read_part(str(path), "pdf", part, OcrConfig()) for part in plan]
    made = assemble_parts(str(path), "pdf", parts)
    read = re.sub(r"\W", "", TextResult.from_gzip(made.result).text)
    for name, text in zip(names, texts, strict=True):
        assert text.replace(" ", "") in read, name
    assert bool(made.doubts) == any(name in HIDDEN for name in names)
