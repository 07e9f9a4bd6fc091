"""The walk over what a PDF page shows goes into forms, and comes to an end."""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pypdfium2 as pdfium
import pypdfium2.raw as raw
import pytest

from lineal_catalog.file_formats.pdf_objects import (
    MAX_OBJECTS,
    PageObject,
    matrix_of,
    walk_page_objects,
)


def page_of(forms: int, content: bytes) -> pdfium.PdfPage:
    """A page that shows a form that shows a form, each of half the size, around some content."""
    pdf = pikepdf.new()
    picture = pikepdf.Stream(
        pdf, b"\x00", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=1, Height=1,
        ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8,
    )  # fmt: skip
    drawn, names = content, pikepdf.Dictionary(X=picture)
    for _ in range(forms):
        form = pikepdf.Stream(
            pdf, drawn, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form,
            BBox=[0, 0, 1000, 1000], Matrix=[0.5, 0, 0, 0.5, 10, 0],
            Resources=pikepdf.Dictionary(XObject=names),
        )  # fmt: skip
        drawn, names = b"/X Do", pikepdf.Dictionary(X=form)
    page = pdf.add_blank_page(page_size=(400, 400))
    page.Contents = pdf.make_stream(drawn)
    page.Resources = pikepdf.Dictionary(XObject=names)
    out = BytesIO()
    pdf.save(out)
    return pdfium.PdfDocument(out.getvalue())[0]


def objects(page: pdfium.PdfPage) -> list[PageObject]:
    return list(walk_page_objects(page.raw))


@pytest.mark.parametrize("forms", [0, 1, 3])
def test_an_image_is_found_where_the_forms_around_it_show_it(forms: int) -> None:
    page = page_of(forms, b"q 64 0 0 64 0 0 cm /X Do Q")
    (item,) = objects(page)
    assert (item.kind, item.depth) == (raw.FPDF_PAGEOBJ_IMAGE, forms)
    left, bottom, right, top = item.around.after(matrix_of(item.handle)).box(0, 0, 1, 1)
    expected = sum(10 * 0.5**depth for depth in range(forms))
    assert (left, bottom) == pytest.approx((expected, 0))
    assert right - left == top - bottom == pytest.approx(64 * 0.5**forms)


def test_forms_too_deep_and_objects_too_many_are_not_gone_into() -> None:
    deep = page_of(9, b"0 0 m 9 9 l S")
    assert [item.kind for item in objects(deep)] == [raw.FPDF_PAGEOBJ_FORM]
    many = page_of(1, b"0 0 m 9 9 l S " * (MAX_OBJECTS + 100))
    assert len(objects(many)) == MAX_OBJECTS - 1
