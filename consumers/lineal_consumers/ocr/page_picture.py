"""Puts a picture of a PDF page in the place of its contents.

A page's own text cannot be corrected in its contents with certainty: its letters are codes of fonts
that often have no others, they stand in forms that pages share, and producers divide words as they
like. A picture looks the same and says nothing.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from lineal_catalog.pages.renderers import PageView
from lineal_consumers.ocr.page_geometry import Affine

if TYPE_CHECKING:
    import pikepdf

_DPI = 200
_MAX_SIDE = 8_000
_MAX_PIXELS = 20_000_000
_JPEG_QUALITY = 90
_NAME = "/LinealPicture"


def show_picture(
    pdf: pikepdf.Pdf,
    target: pikepdf.Page,
    path: str,
    number: int,
    size: tuple[float, float],
    to_user: Affine,
) -> None:
    """Draw page ``number`` (from 1) of a file, and let ``target`` show nothing but that.

    Its links stay; other annotations, and what forms have been filled with, are in the picture.

    Args:
        size: of the page as a viewer shows it, in points.
        to_user: from points of the page as seen to PDF user space.

    Raises:
        Reject: the page cannot be drawn.
    """
    from pikepdf import Array, Dictionary, Name, Stream

    from lineal_consumers.ocr.page_view import draw_view

    width, height = size
    scale = min(
        _DPI / 72, _MAX_SIDE / max(width, height), math.sqrt(_MAX_PIXELS / (width * height))
    )
    view = PageView(number, max(1, math.ceil(width * scale)), _MAX_SIDE + 2, "png", 0)
    image = draw_view(path, "pdf", view)
    out = io.BytesIO()
    image.save(out, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    picture = Stream(
        pdf,
        out.getvalue(),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=image.width,
        Height=image.height,
        ColorSpace=Name.DeviceGray if image.mode == "L" else Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    place = to_user.after(Affine(width, 0, 0, -height, 0, height))
    page = target.obj
    page["/Contents"] = pdf.make_stream(
        b"q %.4f %.4f %.4f %.4f %.4f %.4f cm %b Do Q\n" % (*place, _NAME.encode())
    )
    page["/Resources"] = Dictionary(XObject=Dictionary({_NAME: pdf.make_indirect(picture)}))
    for key in ("/StructParents", "/Group", "/Thumb", "/PieceInfo", "/Metadata", "/AA"):
        if key in page:
            del page[key]
    links = [one for one in page.get("/Annots", ()) if one.get("/Subtype") == Name.Link]
    page["/Annots"] = Array(links)
    # What is said of the contents for screen readers would say the words that are gone.
    for key in ("/StructTreeRoot", "/MarkInfo"):
        if key in pdf.Root:
            del pdf.Root[key]
