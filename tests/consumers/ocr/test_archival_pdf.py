"""PDF/A-2b, as veraPDF sees it: of scans, pictures, PDFs with text, and text without pages."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pikepdf
import pypdfium2 as pdfium
import pytest
from PIL import Image

from lineal.stages import Reject
from lineal_catalog.documents.made_renditions import RenditionSource
from lineal_consumers.ocr.archival.archival_pdf import make_archival_pdf
from lineal_consumers.ocr.archival.installed_fonts import find_font
from lineal_local.verapdf import pdfa_problems
from tests.consumers.ocr.conftest import DrawPage, Read, ReadFile
from tests.services.missing import skipped_when_unavailable

_INVOICE = ("Invoice number: 4711", "Total due: 99.50 EUR", "Write to ann@example.com today")


def _source(read: Read, kind: str, name: str, pdf: Path | None) -> RenditionSource:
    """With an analysis that found the address."""
    begin = read.text.find("ann@example.com")
    entities = [
        {"type": "EMAIL", "text": "ann@example.com", "value": None, "personal": True,
         "occurrences": [[begin, begin + 15, 0.9]]}
    ] if begin >= 0 else []  # fmt: skip
    return RenditionSource(
        "id", name, kind, "", sha256(read.path.read_bytes()).hexdigest(), str(read.path),
        None if pdf is None else str(pdf), read.assembled.result,
        gzip.compress(orjson.dumps({"entities": entities})),
    )  # fmt: skip


def _text_pdf(lines: tuple[str, ...] = _INVOICE, font: str = "Helvetica") -> bytes:
    """Text in a font that the file does not bring, as reports often are."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(612, 792))
    page.obj.Resources = pikepdf.Dictionary(
        Font=pikepdf.Dictionary(
            F=pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1,
                                 BaseFont=pikepdf.Name("/" + font),
                                 Encoding=pikepdf.Name.WinAnsiEncoding)
        )
    )  # fmt: skip
    page.obj.Contents = pdf.make_stream(
        b"".join(
            b"BT /F 14 Tf 72 %d Td (%b) Tj ET\n" % (700 - 40 * row, line.encode("cp1252"))
            for row, line in enumerate(lines)
        )
    )
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


@pytest.fixture
def made(
    tmp_path: Path,
    draw_page: DrawPage,
    scan_pdf: Callable[..., bytes],
    as_file: Callable[..., Path],
    read_file: ReadFile,
) -> Callable[[str], Path]:
    """Makes the archival PDF of a kind of document."""

    def make(case: str) -> Path:
        image = draw_page(_INVOICE)
        kind: Any = "pdf"
        if case == "scan":
            read = read_file(as_file(scan_pdf(image), "scan.pdf"))
        elif case == "lying scan":
            turned = image.transpose(Image.Transpose.ROTATE_90)
            read = read_file(as_file(scan_pdf(turned), "scan.pdf"))
        elif case == "picture":
            kind = "image"
            read = read_file(as_file(image.convert("RGB"), "picture.jpg"), "image")
        elif case == "text pdf":
            if find_font("LiberationSans-Regular.ttf") is None:
                pytest.skip("not available here: fonts: install fonts-liberation")
            read = read_file(as_file(_text_pdf(), "text.pdf"), "pdf", "text-layer")
        else:
            if find_font("DejaVuSans.ttf") is None:
                pytest.skip("not available here: fonts: install fonts-dejavu-core")
            kind = "text"
            written = "\n".join((*_INVOICE, "Łódź – Ελλάδα – Москва\u00ad", "word " * 400))
            read = read_file(as_file(written.encode(), "note.txt"), "text", "parse")
        pdf = read.path if kind == "pdf" else None
        if read.assembled.pdf is not None:
            pdf = tmp_path / "searchable.pdf"
            pdf.write_bytes(read.assembled.pdf)
        target = tmp_path / f"archival {case}.pdf"
        target.write_bytes(make_archival_pdf(_source(read, kind, read.path.name, pdf)))
        return target

    return make


_CASES = ["scan", "lying scan", "picture", "text pdf", "text"]


def test_verapdf_accepts_it_of_every_kind_of_document(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    files = [made(case) for case in _CASES]
    searchable = tmp_path / "searchable.pdf"  # of the last that was recognised, as it is stored
    with skipped_when_unavailable():
        found = pdfa_problems([*files, searchable])
    assert found == {file: [] for file in [*files, searchable]}


@pytest.mark.parametrize("case", _CASES)
def test_its_text_is_found_its_fields_are_bookmarks_its_values_stand_out(
    made: Callable[[str], Path], case: str
) -> None:
    path = made(case)
    document = pdfium.PdfDocument(path)
    page = document[0]
    textpage = page.get_textpage()
    assert "ann@example.com" in textpage.get_text_bounded()
    with pikepdf.open(path) as pdf, pdf.open_outline() as outline:
        titles = [item.title for part in outline.root for item in (part, *part.children)]
        assert titles[0].startswith("1  Invoice number")
        assert "Invoice number: 4711" in titles or case == "text"  # whose fields have no places
        notes = {str(item.Contents): item for item in pdf.pages[0].Annots}
        mark = notes["EMAIL: ann@example.com"]
        left, bottom, right, top = (float(side) for side in mark.Rect)
    # The mark lies on the address and on nothing else.
    assert textpage.get_text_bounded(left - 2, bottom - 2, right + 2, top + 2).split() == [
        "ann@example.com"
    ]
    # One sees it: the paper under it is coloured.
    image = page.render(scale=2).to_pil().convert("RGB")
    colours = {colour for _, colour in image.getcolors(1 << 20) or ()}
    assert any(red > 200 > green for red, green, _ in colours)
    document.close()


def test_what_would_be_lost_is_said_and_nothing_is_made(
    tmp_path: Path, as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    def with_change(change: Callable[[pikepdf.Pdf], None]) -> bytes:
        out = io.BytesIO()
        with pikepdf.open(io.BytesIO(_text_pdf())) as pdf:
            change(pdf)
            pdf.save(out)
        return out.getvalue()

    def attach(pdf: pikepdf.Pdf) -> None:
        pdf.attachments["data.csv"] = b"a,b"

    def paint_in_cmyk(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].contents_add(b"0 0 0 1 k 10 10 100 100 re f")

    def run_a_script(pdf: pikepdf.Pdf) -> None:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")

    for data, reason in (
        (_text_pdf(font="ZapfDingbats"), "fonts are not in it: ZapfDingbats"),
        (_text_pdf(font="CorporateSans"), "fonts are not in it: CorporateSans"),
        (with_change(attach), "files are attached"),
        (with_change(paint_in_cmyk), "CMYK"),
        (with_change(run_a_script), "acts by itself"),
    ):
        read = read_file(as_file(data, "refused.pdf"), "pdf", "text-layer")
        with pytest.raises(Reject, match=reason):
            make_archival_pdf(_source(read, "pdf", "refused.pdf", read.path))


def test_letters_that_are_not_as_wide_as_the_file_says_are_no_pdfa(
    made: Callable[[str], Path], as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    """A viewer would show them elsewhere than a printer."""
    out = io.BytesIO()
    with pikepdf.open(made("text")) as pdf:
        for item in pdf.objects:
            if isinstance(item, pikepdf.Dictionary) and item.get("/Subtype") == "/CIDFontType2":
                item.W[1] = pikepdf.Array([123])
        pdf.save(out)
    read = read_file(as_file(out.getvalue(), "wide.pdf"), "pdf", "text-layer")
    with pytest.raises(Reject, match="not as wide"):
        make_archival_pdf(_source(read, "pdf", "wide.pdf", read.path))


def test_what_nobody_sees_is_brought_into_form(
    tmp_path: Path, as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    """Names of layers, the looks of a pressed button, metadata of a picture, interpolation."""
    if find_font("LiberationSans-Regular.ttf") is None:
        pytest.skip("not available here: fonts: install fonts-liberation")
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(_text_pdf(("Fine print: déjà vu",)))) as pdf:
        looks = pdf.make_stream(b"0 1 0 rg 0 0 20 20 re f")
        looks.update({"/Type": pikepdf.Name.XObject, "/Subtype": pikepdf.Name.Form,
                      "/BBox": pikepdf.Array([0, 0, 20, 20])})  # fmt: skip
        button = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Btn,
                T="b", Ff=65536, Rect=pikepdf.Array([10, 10, 30, 30]),
                AP=pikepdf.Dictionary(N=looks, D=looks),
            )
        )  # fmt: skip
        pdf.pages[0].obj["/Annots"] = pikepdf.Array([button])
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([button]), NeedAppearances=True)
        layer = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name="notes"))
        pdf.Root.OCProperties = pikepdf.Dictionary(
            OCGs=pikepdf.Array([layer]), D=pikepdf.Dictionary(AS=pikepdf.Array([]))
        )
        pdf.save(out)
    read = read_file(as_file(out.getvalue(), "form.pdf"), "pdf", "text-layer")
    archival = tmp_path / "archival.pdf"
    archival.write_bytes(make_archival_pdf(_source(read, "pdf", "form.pdf", read.path)))
    with skipped_when_unavailable():
        assert pdfa_problems([archival]) == {archival: []}
    document = pdfium.PdfDocument(archival)
    document.init_forms()
    assert document[0].render().to_pil().getpixel((20, 772)) == (0, 255, 0)
    document.close()


def test_a_text_that_no_font_can_show_is_refused(
    as_file: Callable[..., Path], read_file: ReadFile
) -> None:
    for written, reason in (("a sign of ours: \ue000", "no installed font"), ("مرحبا", "shaped")):
        read = read_file(as_file(written.encode(), "note.txt"), "text", "parse")
        with pytest.raises(Reject, match=reason):
            make_archival_pdf(_source(read, "text", "note.txt", None))
