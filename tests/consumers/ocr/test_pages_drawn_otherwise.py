"""What a PDF page shows by other means than a right text layer is read too: curves, fonts without
a meaning, wrong maps to Unicode, pictures light on dark, stamps, comments."""

from __future__ import annotations

import io
import re
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pikepdf
import pytest
import reportlab
from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name
from PIL import ImageOps
from reportlab.pdfgen.canvas import Canvas

from lineal_consumers.ocr.hidden import HIDDEN_TEXT
from lineal_consumers.ocr.pdf_pages import OTHER_FIGURES
from tests.consumers.ocr.conftest import ReadPdf
from tests.consumers.ocr.pdf_drawing import PROSE, pasted, picture, typed, written

SERIAL = "Cobalt lemur 8812"


class Curves(BasePen):  # type: ignore[misc]
    """The path operators that draw a glyph."""

    def __init__(self, glyphs: Any) -> None:
        super().__init__(glyphs)
        self.operators: list[str] = []

    def _moveTo(self, point: tuple[float, float]) -> None:
        self.operators.append(f"{point[0]:.1f} {point[1]:.1f} m")

    def _lineTo(self, point: tuple[float, float]) -> None:
        self.operators.append(f"{point[0]:.1f} {point[1]:.1f} l")

    def _curveToOne(self, *points: tuple[float, float]) -> None:
        self.operators.append(" ".join(f"{x:.1f} {y:.1f}" for x, y in points) + " c")

    def _closePath(self) -> None:
        self.operators.append("h")


def glyphs(text: str) -> list[tuple[str, float]]:
    """The operators and the width of each character, in units of an em of 2048."""
    font = TTFont(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
    shapes, names = font.getGlyphSet(), font.getBestCmap()
    drawn = []
    for character in text:
        pen = Curves(shapes)
        shapes[names[ord(character)]].draw(pen)
        drawn.append((" ".join(pen.operators), shapes[names[ord(character)]].width))
    return drawn


def as_curves(text: str, *, apart: bool) -> bytes:
    """Letters filled one by one, or all as one path."""
    x, paths = 60.0, []
    for path, width in glyphs(text):
        moved = re.sub(
            r"(-?[\d.]+) (-?[\d.]+)",
            lambda at, x=x: f"{x + float(at[1]) / 128:.2f} {400 + float(at[2]) / 128:.2f}",  # type: ignore[misc]
            path,
        )
        paths.append(moved)
        x += width / 128
    return b"q " + (" f\n" if apart else "\n").join(paths).encode() + b" f Q"


def changed(data: bytes, change: Any) -> bytes:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        change(pdf, pdf.pages[0])
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


@pytest.mark.parametrize("apart", [True, False])
def test_letters_drawn_as_curves_beside_a_text_are_recognised(
    apart: bool, read_pdf: ReadPdf
) -> None:
    curves = as_curves(SERIAL, apart=apart)
    read, doubts = read_pdf(
        changed(written(typed(*PROSE)), lambda _, page: page.contents_add(curves))
    )
    assert PROSE[0] in read.text
    assert SERIAL in read.text
    assert not doubts


def test_what_is_drawn_in_a_font_without_a_meaning_is_recognised(read_pdf: ReadPdf) -> None:
    letters = sorted(set(SERIAL))

    def draw(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        shapes = glyphs("".join(letters))
        page.obj.Resources.Font.T3 = pdf.make_indirect(
            Dictionary(
                Type=Name.Font, Subtype=Name.Type3, FontBBox=[0, -600, 2048, 2048],
                FontMatrix=[1 / 2048, 0, 0, 1 / 2048, 0, 0], FirstChar=0,
                LastChar=len(letters) - 1, Widths=[width for _, width in shapes],
                Encoding=Dictionary(
                    Type=Name.Encoding,
                    Differences=[0, *(Name(f"/g{number}") for number in range(len(letters)))],
                ),
                CharProcs=Dictionary(
                    {
                        f"/g{number}": pdf.make_stream(
                            f"{width} 0 0 -600 2048 2048 d1 {path} f".encode()
                        )
                        for number, (path, width) in enumerate(shapes)
                    }
                ),
                Resources=Dictionary(),
            )
        )  # fmt: skip
        codes = bytes(letters.index(letter) for letter in SERIAL).hex().encode()
        page.contents_add(b"BT /T3 16 Tf 60 400 Td <" + codes + b"> Tj ET")

    read, doubts = read_pdf(changed(written(typed(*PROSE)), draw))
    assert PROSE[0] in read.text
    assert SERIAL in read.text
    assert not doubts


@pytest.mark.parametrize(
    ("lines", "shown", "meant"),
    [
        pytest.param(PROSE, ascii_lowercase, ascii_lowercase[13:] + ascii_lowercase[:13], id="all"),
        pytest.param(PROSE, "aeiou", "αειου", id="another-script"),
        pytest.param(
            ("Total due 1250 EUR", "Invoice 4711"), "0123456789", "5678901234", id="figures"
        ),
    ],
)
def test_a_font_that_calls_its_letters_others_is_not_believed(
    lines: tuple[str, ...], shown: str, meant: str, read_pdf: ReadPdf
) -> None:
    wrong = str.maketrans(shown, meant)
    pairs = "".join(
        f"<{code:02x}> <{ord(chr(code).translate(wrong)):04x}>\n" for code in range(0x20, 0x7F)
    )
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"95 beginbfchar\n{pairs}endbfchar endcmap end end"
    )

    def call(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        for font in page.obj.Resources.Font.values():
            font.ToUnicode = pdf.make_stream(to_unicode.encode())

    read, _ = read_pdf(changed(written(typed(*lines)), call))
    assert read.text.split() == " ".join(lines).split()


_AMOUNTS = ("Net amount 1250 EUR", "Tax 237 EUR", "Total 1487 EUR", "Paid 1080 EUR")


@pytest.mark.parametrize(
    ("others", "doubted"),
    [((), False), (("Order 2024 of page 15", "Room 31, floor 16", "Box 77 88"), True)],
    ids=["read", "doubted"],
)
def test_wrong_figures_of_one_font_on_a_long_page_are_read_or_doubted(
    others: tuple[str, ...], doubted: bool, read_pdf: ReadPdf
) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Courier", 12)
        for number, line in enumerate(_AMOUNTS):
            canvas.drawString(60, 400 - 20 * number, line)

    def call(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        (font,) = (f for f in page.obj.Resources.Font.values() if f.BaseFont == Name.Courier)
        # Codes of figures are those of others.
        font.ToUnicode = pdf.make_stream(
            b"1 beginbfrange <20> <2f> <0020> endbfrange 1 beginbfrange <30> <34> <0035> endbfrange"
            b" 1 beginbfrange <35> <39> <0030> endbfrange"
            b" 1 beginbfrange <3a> <7e> <003a> endbfrange"
        )

    data = changed(written(typed(*PROSE, *PROSE, *others * 4), draw), call)
    read, doubts = read_pdf(data)
    if not doubted:
        assert all(line in read.text for line in _AMOUNTS)
        assert not doubts
        return
    (doubt,) = doubts
    assert doubt.reasons == (OTHER_FIGURES,)
    assert len(doubt.places) == len(_AMOUNTS)
    assert all(0.48 < place.top < 0.6 for place in doubt.places)


def test_a_font_that_agrees_with_itself_is_believed_without_a_look(read_pdf: ReadPdf) -> None:
    def call(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        for font in page.obj.Resources.Font.values():
            font.ToUnicode = pdf.make_stream(b"1 beginbfrange <20> <7e> <0020> endbfrange")

    read, doubts = read_pdf(changed(written(typed(*PROSE, *_AMOUNTS)), call))
    assert read.pages[0].source == "text-layer"
    assert all(line in read.text for line in _AMOUNTS)
    assert not doubts


def test_a_picture_that_is_light_on_dark_is_read(read_pdf: ReadPdf) -> None:
    dark = ImageOps.invert(picture((SERIAL,), (900, 160)))
    read, doubts = read_pdf(written(typed(*PROSE), pasted(dark, 80, 300, 290)))
    assert PROSE[0] in read.text
    assert SERIAL in read.text
    assert not doubts


def test_the_picture_of_a_stamp_is_read(read_pdf: ReadPdf) -> None:
    seal = picture((SERIAL,), (900, 160))

    def stamp(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        image = pdf.make_stream(
            seal.tobytes(), Type=Name.XObject, Subtype=Name.Image, Width=900, Height=160,
            BitsPerComponent=8, ColorSpace=Name.DeviceGray,
        )  # fmt: skip
        form = pdf.make_stream(
            b"q 270 0 0 48 0 0 cm /I Do Q", Type=Name.XObject, Subtype=Name.Form,
            BBox=[0, 0, 270, 48], Resources=Dictionary(XObject=Dictionary(I=image)),
        )  # fmt: skip
        page.obj.Annots = [
            pdf.make_indirect(
                Dictionary(
                    Type=Name.Annot, Subtype=Name.Stamp, Rect=[60, 300, 330, 348], F=4,
                    AP=Dictionary(N=form),
                )
            )
        ]  # fmt: skip

    read, _ = read_pdf(changed(written(typed(*PROSE)), stamp))
    assert PROSE[0] in read.text
    assert SERIAL in read.text


def test_comments_are_read_also_on_a_scan_and_hidden_ones_with_a_doubt(read_pdf: ReadPdf) -> None:
    def comment(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        note = Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=[60, 300, 80, 320], F=4)
        rich = Dictionary(
            Type=Name.Annot, Subtype=Name.FreeText, Rect=[60, 400, 260, 420], F=4,
            DA="/Helv 12 Tf 0 g", RC="<body><p>Rich &amp; cerulean</p></body>",
        )  # fmt: skip
        page.obj.Annots = pikepdf.Array(
            [
                pdf.make_indirect(Dictionary({**note, "/Contents": "Pay the marigold amount"})),
                pdf.make_indirect(Dictionary({**note, "/Contents": "vermilion", "/F": 2})),
                pdf.make_indirect(rich),
            ]
        )

    scan = pasted(picture(PROSE, (1700, 2200)), 0, 0, 612)
    for page in (typed(*PROSE), scan):
        read, doubts = read_pdf(changed(written(page), comment))
        assert read.text.count("Pay the marigold amount") == 1
        assert read.text.count("Rich & cerulean") == 1
        assert read.text.count("vermilion") == 1
        assert [doubt.reasons for doubt in doubts] == [(HIDDEN_TEXT,)]
        words = [read.text[word.begin : word.end] for word in read.pages[0].words]
        assert "marigold" in words
        assert read.pages[0].end == len(read.text)


def test_notes_in_windows_of_their_own_and_on_stamps_and_files_are_read(read_pdf: ReadPdf) -> None:
    def comment(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        def note(kind: str, said: str, **more: object) -> Any:
            box = [60, 300, 80, 320]
            about = {"/Type": Name.Annot, "/Subtype": Name(kind), "/Rect": box, "/Contents": said}
            return pdf.make_indirect(Dictionary({**about, **more}))

        page.obj.Annots = pikepdf.Array(
            [
                note("/Popup", "cerulean alone"),
                note("/Text", "marigold twice"),
                note("/Popup", "marigold twice"),
                note("/Stamp", "vermilion on a stamp"),
                note("/FileAttachment", "ochre beside a file"),
            ]
        )

    read, _ = read_pdf(changed(written(typed(*PROSE)), comment))
    for said in ("cerulean alone", "marigold twice", "vermilion on a stamp", "ochre beside a file"):
        assert read.text.count(said) == 1


def with_pattern(data: bytes, contents: bytes) -> bytes:
    """A page on which a part is filled with a pattern."""

    def draw(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        page.obj.Resources.Pattern = Dictionary(
            Tiled=pdf.make_stream(
                contents, Type=Name.Pattern, PatternType=1, PaintType=1, TilingType=1,
                BBox=[0, 0, 300, 60], XStep=300, YStep=60, Matrix=[1, 0, 0, 1, 0, 0],
                Resources=Dictionary(Font=page.obj.Resources.Font),
            )
        )  # fmt: skip
        page.contents_add(b"q /Pattern cs /Tiled scn 0 300 300 60 re f Q")

    return changed(data, draw)


@pytest.mark.parametrize("beside", [PROSE, ()])
def test_text_that_a_tiling_pattern_draws_is_read(
    beside: tuple[str, ...], read_pdf: ReadPdf
) -> None:
    text = f"BT /F1 16 Tf 20 20 Td ({SERIAL}) Tj ET".encode()
    read, doubts = read_pdf(with_pattern(written(typed(*beside)), text))
    assert SERIAL in read.text
    assert all(line in read.text for line in beside)
    assert not doubts


def _tiled(pdf: pikepdf.Pdf, contents: bytes, resources: Dictionary) -> pikepdf.Object:
    return pdf.make_stream(
        contents, Type=Name.Pattern, PatternType=1, PaintType=1, TilingType=1,
        BBox=[0, 0, 300, 60], XStep=300, YStep=60, Resources=resources,
    )  # fmt: skip


@pytest.mark.parametrize("place", ["pattern", "annotation"])
def test_text_of_a_pattern_is_read_wherever_it_paints(place: str, read_pdf: ReadPdf) -> None:
    fill = b"/Pattern cs /P scn 0 0 300 60 re f"

    def draw(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        text = f"BT /F1 16 Tf 20 20 Td ({SERIAL}) Tj ET".encode()
        inner = _tiled(pdf, text, Dictionary(Font=page.obj.Resources.Font))
        painted = Dictionary(Pattern=Dictionary(P=inner))
        if place == "pattern":
            page.obj.Resources.Pattern = Dictionary(Outer=_tiled(pdf, fill, painted))
            page.contents_add(b"q /Pattern cs /Outer scn 0 300 300 60 re f Q")
            return
        stamp = pdf.make_stream(
            fill, Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 300, 60], Resources=painted
        )
        page.obj.Annots = Array(
            [
                Dictionary(
                    Type=Name.Annot, Subtype=Name.Stamp, Rect=[60, 300, 360, 360], F=4,
                    AP=Dictionary(N=stamp),
                )
            ]
        )  # fmt: skip

    read, doubts = read_pdf(changed(written(typed(*PROSE)), draw))
    assert SERIAL in read.text and PROSE[0] in read.text
    assert not doubts


def test_a_hatched_page_is_not_recognised(read_pdf: ReadPdf) -> None:
    read, doubts = read_pdf(with_pattern(written(typed(*PROSE)), b"0 0 m 300 60 l S"))
    assert read.pages[0].source == "text-layer"
    assert not doubts


def test_text_in_a_soft_mask_is_read(read_pdf: ReadPdf) -> None:
    def draw(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        shown = f"1 g BT /F1 20 Tf 60 400 Td ({SERIAL}) Tj ET".encode()
        group = pdf.make_stream(
            shown, Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 612, 792],
            Group=Dictionary(S=Name.Transparency, CS=Name.DeviceGray),
            Resources=Dictionary(Font=page.obj.Resources.Font),
        )  # fmt: skip
        mask = Dictionary(Type=Name.Mask, S=Name.Luminosity, G=group)
        page.obj.Resources.ExtGState = Dictionary(Masked=Dictionary(SMask=mask))
        page.contents_add(b"q /Masked gs 0 g 40 380 500 60 re f Q")

    read, doubts = read_pdf(changed(written(typed(*PROSE)), draw))
    assert SERIAL in read.text and PROSE[0] in read.text
    assert not doubts


def test_a_faint_picture_beside_text_is_read(read_pdf: ReadPdf) -> None:
    faint = picture((SERIAL,), (800, 160)).point(lambda level: 215 if level < 128 else 255)
    read, doubts = read_pdf(written(typed(*PROSE), pasted(faint, 60, 400, 400)))
    assert SERIAL in read.text and PROSE[0] in read.text
    assert not doubts


def test_a_picture_that_is_cut_into_thin_strips_is_read(read_pdf: ReadPdf) -> None:
    whole = picture((SERIAL,), (900, 120))
    strips = [
        pasted(whole.crop((0, top, 900, top + 10)), 60, 400 - top * 240 / 900, 240)
        for top in range(0, 120, 10)
    ]
    result, doubts = read_pdf(written(typed(*PROSE), *strips))
    assert SERIAL in " ".join(result.text.split())
    assert not doubts


def test_pictures_that_a_page_has_from_its_parent_are_read_beside_annotations(
    read_pdf: ReadPdf,
) -> None:
    def inherit(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        page.obj.Parent.Resources = page.obj.Resources
        del page.obj.Resources
        note = Dictionary(
            Type=Name.Annot, Subtype=Name.FreeText, Rect=[60, 200, 260, 220], F=4,
            DA="/Helv 12 Tf 0 g", Contents="Pay the marigold amount",
        )  # fmt: skip
        page.obj.Annots = Array([pdf.make_indirect(note)])

    shown = pasted(picture((SERIAL,), (900, 120)), 60, 400, 240)
    read, doubts = read_pdf(changed(written(typed(*PROSE), shown), inherit))
    assert PROSE[0] in read.text
    assert SERIAL in read.text
    assert "Pay the marigold amount" in read.text
    assert not doubts


def test_what_is_typed_onto_a_form_with_its_formats_alone_is_read(read_pdf: ReadPdf) -> None:
    def add(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        note = Dictionary(
            Type=Name.Annot, Subtype=Name.FreeText, Rect=[60, 200, 260, 220], F=4,
            DA="/Helv 12 Tf 0 g", RC="<body><p>Pay the marigold amount</p></body>",
        )  # fmt: skip
        field = Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="f", Rect=[60, 300, 260, 320], F=4
        )
        page.obj.Annots = Array([pdf.make_indirect(note), pdf.make_indirect(field)])
        pdf.Root.AcroForm = Dictionary(Fields=Array([page.obj.Annots[1]]))

    read, _ = read_pdf(changed(written(typed(*PROSE)), add))
    assert read.text.count("Pay the marigold amount") == 1
