"""The searchable PDF of a text that people corrected has their words, not the machine's."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
import pytest
from PIL import Image

from lineal_catalog.documents.text_layers import text_layer_writer
from lineal_catalog.reviews.correcting import Answer, Corrections, correct
from lineal_consumers.ocr.assembling import assemble_parts
from lineal_consumers.ocr.pdf_files import close_pdf
from lineal_schemas.documents import DocumentKind
from lineal_schemas.results import Engine, Page, TextResult, Word
from lineal_schemas.reviews import PageText, ReviewValue
from tests.consumers.ocr.conftest import ReadFile
from tests.consumers.ocr.test_searchable_pdf import box_in_pdf, extracted, rendered


def scan(folder: Path, kind: str) -> Path:
    path = folder / f"scan.{'pdf' if kind == 'pdf' else 'png'}"
    Image.new("L", (595, 842), 255).save(path, resolution=72)
    return path


def read_as(text: str) -> TextResult:
    """A page with each line's words beside each other."""
    words, at = [], 0
    for row, line in enumerate(text.split("\n")):
        for place, word in enumerate(line.split()):
            begin = text.index(word, at)
            at = begin + len(word)
            words.append(Word(begin, at, 0.6, 0.1 + 0.2 * place, 0.1 + 0.05 * row, 0.1, 0.02, row))
    page = Page(number=1, begin=0, end=len(text), width=595, height=842, source="ocr",
                dpi=72, words=tuple(words))  # fmt: skip
    return TextResult(engines=(Engine(name="t", version="1"),), text=text, pages=(page,))


def corrected(read: TextResult, text: str, before: str | None = None) -> TextResult:
    said = Answer(
        ReviewValue(pages=(PageText(page=1, text=before or read.text),)),
        ReviewValue(pages=(PageText(page=1, text=text),)),
    )
    return correct(read, Corrections.of([said])).result


def written(path: Path, kind: DocumentKind, read: TextResult, after: TextResult) -> bytes:
    write = text_layer_writer(kind)
    assert write is not None
    made = write(str(path), kind, read.to_gzip(), after.to_gzip())
    assert made is not None
    close_pdf()
    return made


@pytest.mark.parametrize("kind", ["pdf", "image"])
def test_the_corrected_words_are_found_where_the_wrong_ones_stood(
    tmp_path: Path, kind: DocumentKind
) -> None:
    path = scan(tmp_path, kind)
    read = read_as("Total 1O.OO\nThanks")
    before = assemble_parts(str(path), kind, [read.to_gzip()]).pdf
    assert before is not None
    made = written(path, kind, read, corrected(read, "Total due 10.00\nThanks"))
    assert extracted(before).split() == ["Total", "1O.OO", "Thanks"]
    assert extracted(made).split() == ["Total", "due", "10.00", "Thanks"]
    assert box_in_pdf(made, "Thanks") == pytest.approx(box_in_pdf(before, "Thanks"), abs=1)
    assert len(pdfium.PdfDocument(made)) == 1


def test_a_text_of_which_the_machine_read_nothing_can_be_searched(tmp_path: Path) -> None:
    path = scan(tmp_path, "image")
    read = read_as("")
    made = written(path, "image", read, corrected(read, "Dear Ann,\nall is well"))
    assert extracted(made).split() == ["Dear", "Ann,", "all", "is", "well"]


@pytest.mark.parametrize("turn", [0, 90])
def test_a_pdf_of_its_own_text_is_found_by_the_corrected_words_alone(
    tmp_path: Path, read_file: ReadFile, turn: int
) -> None:
    path = own_text(tmp_path, turn)
    read = read_file(path, pages=2, method="text-layer").result
    first = read.pages[0]
    text = read.text[first.begin : first.end]
    after = corrected(read, text.replace("Totl", "Total"), text)
    assert "Totl" in text and "Thanks" in text
    made = written(path, "pdf", read, after)
    assert extracted(made, 0).split() == ["Total", "10.00", "Thanks"]
    assert box_in_pdf(made, "Total") == pytest.approx(box_in_pdf(path.read_bytes(), "Totl"), abs=8)
    assert abs(rendered(made) - rendered(path)).mean() < 2
    assert "Page two" in extracted(made, 1)  # as it was: nobody has corrected it
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert not any("/XObject" in page.resources for page in list(pdf.pages)[1:])
        assert [one.Subtype for one in pdf.pages[0].Annots] == [pikepdf.Name.Link]


def own_text(folder: Path, turn: int) -> Path:
    """A born-digital PDF of two pages; the first has a link and is shown turned."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
    )
    for lines in (("Totl 10.00", "Thanks"), ("Page two",)):
        page = pdf.add_blank_page(page_size=(595, 842))
        page.obj["/Resources"] = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        shown = " T* ".join(f"({line}) Tj" for line in lines)
        page.contents_add(f"BT /F 24 Tf 40 TL 100 700 Td {shown} ET".encode())
    pdf.pages[0].obj["/Rotate"] = turn
    pdf.pages[0].obj["/Annots"] = pikepdf.Array(
        [
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[100, 690, 200, 720],
                Border=[0, 0, 0],
            )
        ]
    )  # fmt: skip
    path = folder / "own.pdf"
    pdf.save(path)
    return path


def test_words_that_are_not_there_are_taken_out_of_a_scanned_pdf(tmp_path: Path) -> None:
    path = scan(tmp_path, "pdf")
    read = read_as("spots")
    assert extracted(written(path, "pdf", read, corrected(read, ""))).strip() == ""
