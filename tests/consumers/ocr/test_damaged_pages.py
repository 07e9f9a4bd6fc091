"""Pages of PDFs that are damaged in a part that viewers pass over without a word, layers that are
switched off, and fonts whose program draws other figures than their map says."""

from __future__ import annotations

import io
import string
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import reportlab
from fontTools import subset
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name, Stream

from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_consumers.ocr.hidden import HIDDEN_LAYER
from lineal_consumers.ocr.pdf_pages import DAMAGED, OTHER_LETTERS, UNDECODED
from tests.consumers.ocr.conftest import ReadPdf
from tests.consumers.ocr.pdf_drawing import PROSE, picture, typed, written


def changed(change: Any) -> bytes:
    with pikepdf.open(io.BytesIO(written(typed(*PROSE)))) as pdf:
        change(pdf, pdf.pages[0])
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def show_damaged_picture(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    damaged = Stream(pdf, b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(200))
    damaged.stream_dict = Dictionary(
        Type=Name.XObject, Subtype=Name.Image, Width=1600, Height=800, BitsPerComponent=8,
        ColorSpace=Name.DeviceGray, Filter=Name.JPXDecode,
    )  # fmt: skip
    page.obj.Resources.XObject = Dictionary(I0=pdf.make_indirect(damaged))
    page.contents_add(b"q 400 0 0 200 60 300 cm /I0 Do Q")


def test_a_picture_that_cannot_be_drawn_is_a_doubt_with_its_place(read_pdf: ReadPdf) -> None:
    result, doubts = read_pdf(changed(show_damaged_picture))
    assert "committee" in result.text
    assert [reason for doubt in doubts for reason in doubt.reasons] == [UNDECODED]
    [place] = result.pages[0].doubt_places
    assert place.left == pytest.approx(60 / 612, abs=0.01)
    assert place.top == pytest.approx((792 - 500) / 792, abs=0.01)


def test_a_scan_that_cannot_be_drawn_is_a_doubt(read_pdf: ReadPdf) -> None:
    def scan(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        show_damaged_picture(pdf, page)
        page.obj.Contents = pdf.make_indirect(Stream(pdf, b"q 612 0 0 792 0 0 cm /I0 Do Q"))

    result, doubts = read_pdf(changed(scan))
    assert result.text == ""
    assert UNDECODED in [reason for doubt in doubts for reason in doubt.reasons]


@pytest.mark.parametrize(("part", "doubtful"), [(0.4, True), (1.0, False)])
def test_a_scan_of_which_the_end_is_missing_is_a_doubt(
    read_pdf: ReadPdf, part: float, doubtful: bool
) -> None:
    """And one that has all but its end marker is none."""
    lines = ("First line of scan 8801", "", "", "", "", "", "", "Lower line of scan 9902")
    out = io.BytesIO()
    picture(lines, (1600, 2000), font=80).save(out, "JPEG", quality=90)
    data = out.getvalue()[:-2]

    def scan(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        show_damaged_picture(pdf, page)
        shown = page.obj.Resources.XObject.I0
        shown.Height = 2000
        shown.write(data[: int(part * len(data))], filter=Name.DCTDecode)
        page.obj.Contents = pdf.make_indirect(Stream(pdf, b"q 612 0 0 792 0 0 cm /I0 Do Q"))

    result, doubts = read_pdf(changed(scan))
    assert "8801" in result.text
    assert ("9902" in result.text) is not doubtful
    assert (UNDECODED in [reason for doubt in doubts for reason in doubt.reasons]) is doubtful


def on_a_layer(pdf: pikepdf.Pdf, page: pikepdf.Page, *, off: bool, form: bool) -> None:
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="prices"))
    pdf.Root.OCProperties = Dictionary(
        OCGs=[layer], D=Dictionary(OFF=[layer] if off else [], Order=[layer])
    )
    show = b"BT /F1 12 Tf 60 500 Td (Price 1100 euros) Tj ET"
    if not form:
        page.obj.Resources.Properties = Dictionary(L=layer)
        page.contents_add(b"/OC /L BDC " + show + b" EMC")
        return
    drawn = Stream(pdf, show)
    drawn.stream_dict = Dictionary(
        Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 612, 792], OC=layer,
        Resources=Dictionary(Font=page.obj.Resources.Font),
    )  # fmt: skip
    page.obj.Resources.XObject = Dictionary(X=pdf.make_indirect(drawn))
    page.contents_add(b"/X Do")


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("off", [False, True])
def test_text_on_a_layer_that_is_switched_off_is_read_and_a_doubt(
    read_pdf: ReadPdf, off: bool, form: bool
) -> None:
    result, doubts = read_pdf(changed(lambda *at: on_a_layer(*at, off=off, form=form)))
    assert "committee" in result.text
    assert result.text.endswith("Price 1100 euros")
    assert [doubt.reasons for doubt in doubts] == ([(HIDDEN_LAYER,)] if off else [])


def test_looking_at_the_objects_of_pages_opens_the_file_once(
    read_pdf: ReadPdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pikepdf.open(
        io.BytesIO(changed(lambda *at: on_a_layer(*at, off=True, form=False)))
    ) as pdf:
        pdf.pages.extend([pdf.pages[0]] * 3)
        pdf.save(out := io.BytesIO())
    opened: list[object] = []
    open_pdf = pikepdf.open

    def open_and_count(*file: Any, **options: Any) -> pikepdf.Pdf:
        opened.extend(file)
        return open_pdf(*file, **options)

    monkeypatch.setattr(pikepdf, "open", open_and_count)
    _, doubts = read_pdf(out.getvalue())
    assert len(doubts) == 4
    assert len(opened) == 2  # to see how its pages are read, and to read them


@pytest.mark.parametrize("part", [0.5, 1.0])
def test_contents_that_are_cut_off_are_a_doubt(read_pdf: ReadPdf, part: float) -> None:
    """And those without the sum at their end, which some programs leave out, are none."""

    def cut(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        lines = b"".join(
            b"BT /F1 9 Tf 60 %d Td (line %d of many) Tj ET\n" % (600 - 9 * n, n) for n in range(60)
        )
        packed = zlib.compress(page.obj.Contents.read_bytes() + lines)[:-4]
        contents = Stream(pdf, b"")
        contents.write(packed[: int(len(packed) * part)], filter=Name.FlateDecode)
        page.obj.Contents = pdf.make_indirect(contents)

    result, doubts = read_pdf(changed(cut))
    assert "committee" in result.text
    assert [reason for doubt in doubts for reason in doubt.reasons] == (
        [DAMAGED] if part < 1 else []
    )


LINE = "The amount due is 12345 pounds to account 90817263"


def composite(
    exchanged: dict[str, str], *, named: bool = True, lines: tuple[str, ...] = (LINE,)
) -> Any:
    """Adds lines in a composite font, whose map says other signs than its program draws; one that
    is not named does not say itself what it draws."""

    def add(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        signs = string.ascii_letters + string.digits + " "
        font = TTFont(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
        options = subset.Options()
        options.retain_gids = True
        cutter = subset.Subsetter(options)
        cutter.populate(text=signs)
        cutter.subset(font)
        glyphs = {sign: font.getGlyphID(font.getBestCmap()[ord(sign)]) for sign in signs}
        widths = {sign: font["hmtx"][font.getBestCmap()[ord(sign)]][0] / 2.048 for sign in signs}
        program = io.BytesIO()
        if not named:
            del font["cmap"]
            font["post"].formatType = 3.0
        font.save(program)
        pairs = "".join(
            f"<{glyphs[sign]:04X}><{ord(exchanged.get(sign, sign)):04X}>\n" for sign in signs
        )
        meant = f"begincmap {len(signs)} beginbfchar\n{pairs}endbfchar endcmap"
        about = Dictionary(
            Type=Name.FontDescriptor, FontName=Name.Vera, Flags=4, FontBBox=[0, 0, 1000, 1000],
            ItalicAngle=0, Ascent=900, Descent=-200, CapHeight=700, StemV=80,
            FontFile2=pdf.make_indirect(Stream(pdf, program.getvalue())),
        )  # fmt: skip
        descendant = Dictionary(
            Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name.Vera,
            CIDToGIDMap=Name.Identity,
            CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
            FontDescriptor=pdf.make_indirect(about),
            W=Array([part for s in signs for part in (glyphs[s], [widths[s]])]),
        )  # fmt: skip
        page.obj.Resources.Font["/T0"] = pdf.make_indirect(
            Dictionary(
                Type=Name.Font, Subtype=Name.Type0, BaseFont=Name.Vera,
                Encoding=Name("/Identity-H"),
                DescendantFonts=[pdf.make_indirect(descendant)],
                ToUnicode=pdf.make_indirect(Stream(pdf, meant.encode())),
            )
        )  # fmt: skip
        for number, line in enumerate(lines):
            shown = "".join(f"{glyphs[sign]:04X}" for sign in line)
            at = 500 - 20 * number
            page.contents_add(f"q BT /T0 14 Tf 60 {at} Td <{shown}> Tj ET Q".encode())

    return add


def test_figures_of_a_composite_font_that_its_map_exchanges_are_not_believed(
    read_pdf: ReadPdf,
) -> None:
    exchanged = dict(zip(string.digits, "5678901234", strict=True))
    result, doubts = read_pdf(changed(composite(exchanged)))
    assert "67890" not in result.text or doubts


LETTERS = string.ascii_lowercase
TURNED = dict(zip(LETTERS, LETTERS[13:] + LETTERS[:13], strict=True))


@pytest.mark.parametrize(
    "exchanged",
    [
        pytest.param(TURNED, id="letters"),
        pytest.param(dict(zip(string.digits, "5678901234", strict=True)), id="figures"),
        pytest.param({"t": "n", "n": "t", "u": "p", "p": "u"}, id="some letters"),
    ],
)
def test_a_font_without_names_that_is_not_what_it_says_is_doubted_where_it_is_used(
    exchanged: dict[str, str], read_pdf: ReadPdf
) -> None:
    result, doubts = read_pdf(changed(composite(exchanged, named=False)))
    if LINE in result.text:
        return
    (doubt,) = doubts
    assert doubt.reasons == (OTHER_LETTERS,)
    assert doubt.places
    assert all(0.33 < place.top < 0.4 for place in doubt.places)


def test_a_page_of_a_font_without_names_that_is_not_what_it_says_is_recognised(
    read_pdf: ReadPdf,
) -> None:
    lines = (
        "The committee met on Tuesday to discuss the annual report",
        "and agreed that the figures should be published together",
        "with an explanation of the methods that had been used",
    )
    lying = composite(TURNED, named=False, lines=lines * 6)
    result, _ = read_pdf(changed(lying))
    assert result.text.count("to discuss the annual report\nand agreed that") == 6


@pytest.mark.parametrize("named", [True, False])
def test_a_right_composite_font_costs_no_recognition(tmp_path: Path, named: bool) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(changed(composite({}, named=named)))
    [part] = inspect_file(path, "a.pdf", ClassifyConfig()).plan
    assert part.method == "text-layer"
