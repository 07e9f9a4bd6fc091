"""A PDF page's account adds up: layer, pictures, annotations and forms are read, or doubtful."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas

from tests.consumers.ocr.conftest import ReadPdf
from tests.consumers.ocr.pdf_drawing import PROSE, pasted, picture, typed, written


def test_a_stamp_does_not_hide_the_scan_under_it(read_pdf: ReadPdf) -> None:
    scan = picture(PROSE, (1700, 2200))
    stamp = "Received by the clerk of the county on the fourteenth of March and filed under 655321"
    read, doubts = read_pdf(written(pasted(scan, 0, 0, 612), typed(stamp, at=30)))
    assert stamp in read.text
    for line in PROSE:
        assert line in read.text
    assert not doubts


def test_a_picture_of_text_in_a_page_of_text_is_read(read_pdf: ReadPdf) -> None:
    receipt = picture(("Receipt of the violet giraffe", "Total 47.11 EUR"), (900, 260))
    read, doubts = read_pdf(written(typed(*PROSE), pasted(receipt, 80, 300, 290)))
    assert read.text.startswith(PROSE[0])
    assert "violet giraffe" in read.text
    assert "47.11" in read.text
    assert read.text.count("committee") == 1
    assert not doubts


def test_a_small_picture_of_a_line_in_a_page_of_text_is_read(read_pdf: ReadPdf) -> None:
    number = picture(("No 4711-22",), (400, 110))
    read, doubts = read_pdf(written(typed(*PROSE), pasted(number, 400, 300, 66)))
    assert "4711-22" in read.text and PROSE[0] in read.text
    assert not doubts


def test_an_old_layer_that_says_what_is_drawn_is_not_read_twice(read_pdf: ReadPdf) -> None:
    def hidden(canvas: Canvas) -> None:
        for number, line in enumerate(PROSE):
            text = canvas.beginText(14, 792 - (40 + 88 * number + 40) * 0.36)
            text.setFont("Helvetica", 14)
            text.setTextRenderMode(3)
            text.textLine(line)
            canvas.drawText(text)

    scan = picture(PROSE, (1700, 2200))
    read, _ = read_pdf(written(pasted(scan, 0, 0, 612), hidden))
    assert read.text.count("committee") == 1
    assert read.text.count("explanation") == 1


def test_what_was_typed_onto_a_page_is_read_with_and_without_an_appearance(
    read_pdf: ReadPdf,
) -> None:
    with pikepdf.open(io.BytesIO(written(typed(*PROSE)))) as pdf:
        appearance = pdf.make_stream(
            b"BT /F1 12 Tf 2 4 Td (eleven turquoise doubloons) Tj ET",
            Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 200, 20],
            Resources=pikepdf.Dictionary(
                Font=pikepdf.Dictionary(
                    F1=pikepdf.Dictionary(
                        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1,
                        BaseFont=pikepdf.Name.Helvetica,
                    )
                )
            ),
        )  # fmt: skip
        note: dict[str, Any] = {
            "Type": pikepdf.Name.Annot,
            "Subtype": pikepdf.Name.FreeText,
            "F": 4,
        }
        pdf.pages[0].obj.Annots = pikepdf.Array(
            [
                pikepdf.Dictionary(
                    **note, Rect=[60, 600, 260, 620], Contents="eleven turquoise doubloons",
                    AP=pikepdf.Dictionary(N=appearance),
                ),
                pikepdf.Dictionary(**note, Rect=[60, 500, 260, 520], Contents="payable at once"),
            ]
        )  # fmt: skip
        out = io.BytesIO()
        pdf.save(out)
    read, _ = read_pdf(out.getvalue())
    assert read.text.count("eleven turquoise doubloons") == 1
    assert read.text.count("payable at once") == 1


def cid_page(shown: bytes, to_unicode: bytes | None, content: bytes | None = None) -> bytes:
    """A page whose text is in a vertical composite font that is not in the file."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(300, 300))
    descriptor = pikepdf.Dictionary(
        Type=pikepdf.Name.FontDescriptor, FontName=pikepdf.Name("/None"), Flags=4,
        FontBBox=[0, -200, 1000, 900], ItalicAngle=0, Ascent=900, Descent=-200, CapHeight=700,
        StemV=80,
    )  # fmt: skip
    descendant = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.CIDFontType2, BaseFont=pikepdf.Name("/None"),
        CIDSystemInfo=pikepdf.Dictionary(Registry="Adobe", Ordering="Identity", Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor), DW=1000,
        CIDToGIDMap=pikepdf.Name.Identity,
    )  # fmt: skip
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type0, BaseFont=pikepdf.Name("/None"),
        Encoding=pikepdf.Name("/Identity-V"),
        DescendantFonts=[pdf.make_indirect(descendant)],
    )  # fmt: skip
    if to_unicode is not None:
        font.ToUnicode = pdf.make_stream(to_unicode)
    page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
    page.obj.Contents = pdf.make_stream(
        content or b"BT /F1 12 Tf 1 0 0 1 200 250 Tm <%b> Tj ET" % shown
    )
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def test_vertical_japanese_that_one_library_does_not_give_is_read_by_another(
    read_pdf: ReadPdf,
) -> None:
    columns = (
        "請求書番号四七一一支払期限",
        "は来月末日です合計金額は三",
        "万円となりますのでご確認く",
    )
    text = "".join(columns)
    codes = {character: number for number, character in enumerate(sorted(set(text)), 1)}
    pairs = "".join(f"<{code:04x}> <{ord(c):04x}>\n" for c, code in codes.items())
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{len(codes)} beginbfchar\n{pairs}endbfchar endcmap end end"
    )
    for order in (1, -1):
        shown = "".join(
            f"1 0 0 1 {200 - 20 * number} 250 Tm <{''.join(f'{codes[c]:04x}' for c in column)}> Tj "
            for number, column in [*enumerate(columns)][::order]
        )
        content = f"BT /F1 12 Tf {shown} ET".encode()
        read, doubts = read_pdf(cid_page(b"", to_unicode.encode(), content))
        assert read.text.split() == list(columns)
        assert not doubts


def test_a_short_layer_that_its_font_shifts_gives_way_to_what_is_drawn(read_pdf: ReadPdf) -> None:
    pairs = "".join(f"<{code:02x}> <{code - 29:04x}>\n" for code in range(0x41, 0x7B))
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"58 beginbfchar\n{pairs}endbfchar endcmap end end"
    )
    with pikepdf.open(io.BytesIO(written(typed("Northgate Harbour Supplies")))) as pdf:
        for font in pdf.pages[0].obj.Resources.Font.values():
            font.ToUnicode = pdf.make_stream(to_unicode.encode())
        out = io.BytesIO()
        pdf.save(out)
    read, _ = read_pdf(out.getvalue())
    assert read.text.strip() == "Northgate Harbour Supplies"


def test_a_scan_in_large_units_is_read_by_its_pixels(read_pdf: ReadPdf) -> None:
    scan = picture(PROSE, (1700, 2200))
    with pikepdf.open(
        io.BytesIO(written(pasted(scan, 0, 0, 61.2), size=(61, 79)))
    ) as pdf:  # fmt: skip
        pdf.pages[0].obj.UserUnit = 10
        out = io.BytesIO()
        pdf.save(out, min_version="1.6")
    read, _ = read_pdf(out.getvalue())
    assert PROSE[0] in read.text


def test_the_values_of_a_dynamic_form_are_listed_and_its_page_is_doubtful(
    read_pdf: ReadPdf,
) -> None:
    data = (
        b'<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/"><xfa:datasets '
        b'xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><form><applicant>'
        b"Magenta Hippopotamus</applicant></form></xfa:data></xfa:datasets></xdp:xdp>"
    )
    with pikepdf.open(io.BytesIO(written(typed("Please wait...")))) as pdf:
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[], XFA=pdf.make_stream(data))
        pdf.Root.NeedsRendering = True
        out = io.BytesIO()
        pdf.save(out)
    read, doubts = read_pdf(out.getvalue())
    assert "Magenta Hippopotamus" in read.text
    assert ("applicant", "Magenta Hippopotamus") in [
        (pair.key, pair.value) for pair in read.pages[0].key_values
    ]
    assert "dynamic XFA" in doubts[0].reasons[0]


def test_a_page_as_thin_as_a_hair_is_doubtful_and_costs_nothing(read_pdf: ReadPdf) -> None:
    scan = picture(PROSE, (400, 300))
    with pikepdf.open(io.BytesIO(written(pasted(scan, 0, 0, 600)))) as pdf:
        pdf.pages[0].obj.MediaBox = [0, 0, 0.001, 90_000_000]
        out = io.BytesIO()
        pdf.save(out)
    _, [doubt] = read_pdf(out.getvalue())
    assert "wide" in doubt.reasons[0]


def test_a_picture_that_is_larger_than_the_memory_for_it_is_not_unpacked(
    read_pdf: ReadPdf,
) -> None:
    with pikepdf.open(io.BytesIO(written(typed(*PROSE)))) as pdf:
        image = pdf.make_stream(
            b"\0" * 8, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=60_000,
            Height=60_000, BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray,
        )  # fmt: skip
        pdf.pages[0].obj.Resources.XObject = pikepdf.Dictionary(Big=image)
        pdf.pages[0].contents_add(b"q 300 0 0 300 50 50 cm /Big Do Q")
        out = io.BytesIO()
        pdf.save(out)
    read, [doubt] = read_pdf(out.getvalue())
    assert PROSE[0] in read.text
    assert "256 MB" in doubt.reasons[0]


def test_ink_that_nobody_can_read_is_a_doubt_with_its_place(read_pdf: ReadPdf) -> None:
    image = Image.new("L", (1700, 2200), 255)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(PROSE):
        pen.text((100, 100 + 90 * number), line, fill=0, font=ImageFont.load_default(size=44))
    for row in range(3):
        # As high and as wide as letters, and no letters.
        for column in range(24):
            x, y = 200 + 40 * column, 1500 + 90 * row
            pen.line((x, y, x + 26, y + 40), fill=0, width=4)
            pen.line((x + 26, y, x + 4, y + 20, x + 26, y + 36), fill=0, width=4)
    read, doubts = read_pdf(written(pasted(image, 0, 0, 612)))
    for doubt in doubts:
        for place in doubt.places:
            assert place.top > 0.6
    assert doubts or len(read.text) > 400


def test_a_very_large_image_is_drawn_in_bands_that_meet(tmp_path: Path) -> None:
    """PDFium brings all rows that are to be seen to the width of the page first."""
    import numpy as np
    import pypdfium2 as pdfium

    from lineal_consumers.ocr import page_raster

    image = Image.new("1", (1200, 1600), 1)
    for top in range(0, 1600, 40):
        image.paste(0, (top // 2, top, top // 2 + 300, top + 20))
    image.save(tmp_path / "a.pdf", resolution=100)
    drawn = []
    for pixels in (500_000_000, 700_000):
        document = pdfium.PdfDocument(tmp_path / "a.pdf")
        bitmap = pdfium.PdfBitmap.new_native(403, 601, pdfium.raw.FPDFBitmap_Gray)
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, 403, 601)
        page_raster.draw(document[0], bitmap, (403, 601), band_pixels=pixels)
        drawn.append(np.array(bitmap.to_numpy()).reshape(601, 403))
    whole, bands = drawn
    assert whole.min() < 50
    # Where bands meet a row may be weighed a little differently.
    assert np.abs(whole.astype(int) - bands).max() <= 2 or (whole != bands).mean() < 0.02
