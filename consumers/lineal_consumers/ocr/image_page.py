"""Makes a PDF page of an image; its data is copied as it is wherever PDF has the encoding.

A JPEG file is a DCTDecode stream, and the data of a PNG without transparency is a FlateDecode
stream with predictor 15: neither is decoded. Everything else is written as such a PNG.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal_consumers.ocr.image_files import jpeg_bytes, open_frame, orientation

if TYPE_CHECKING:
    import pikepdf
    from PIL import Image

_EXIF_MATRICES = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
"""From the unit square of the stored image to that of the image as seen, by EXIF orientation."""


class _Png(NamedTuple):
    width: int
    height: int
    bits: int
    colour: int
    palette: bytes
    data: bytes


def add_image_page(
    pdf: pikepdf.Pdf, path: str, number: int, width: float, height: float
) -> pikepdf.Page:
    """Append frame ``number`` (from 1) of an image file as a page of this size in points.

    Raises:
        Reject: the frame cannot be decoded.
    """
    from pikepdf import Array, Dictionary, Name, Page

    with open_frame(path, number) as image:
        turn = _EXIF_MATRICES[orientation(image)]
        picture = pdf.make_indirect(_image_object(pdf, image, path))
    a, b, c, d, e, f = turn
    content = b"q %.4f %.4f %.4f %.4f %.4f %.4f cm /Scan Do Q\n" % (
        a * width, b * height, c * width, d * height, e * width, f * height,
    )  # fmt: skip
    page = Dictionary(
        Type=Name.Page,
        MediaBox=Array([0, 0, round(width, 4), round(height, 4)]),
        Resources=Dictionary(XObject=Dictionary({"/Scan": picture})),
        Contents=pdf.make_stream(content),
    )
    pdf.pages.append(Page(page))
    return pdf.pages[-1]


def _image_object(pdf: pikepdf.Pdf, image: Image.Image, path: str) -> pikepdf.Stream:
    if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB", "CMYK"):
        return _jpeg_object(pdf, image, jpeg_bytes(path))
    png = None
    if image.format == "PNG" and "transparency" not in image.info:
        png = _png_parts(Path(path).read_bytes())
    if png is None:
        png = _png_parts(_as_png(image))
    assert png is not None
    return _png_object(pdf, png)


def _jpeg_object(pdf: pikepdf.Pdf, image: Image.Image, data: bytes) -> pikepdf.Stream:
    from pikepdf import Array, Name, Stream

    spaces = {"L": Name.DeviceGray, "RGB": Name.DeviceRGB, "CMYK": Name.DeviceCMYK}
    made = Stream(
        pdf,
        data,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=image.width,
        Height=image.height,
        ColorSpace=spaces[image.mode],
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    if image.mode == "CMYK" and "adobe" in image.info:
        # Adobe's programs store CMYK inverted.
        made["/Decode"] = Array([1, 0] * 4)
    return made


def _png_object(pdf: pikepdf.Pdf, png: _Png) -> pikepdf.Stream:
    from pikepdf import Array, Dictionary, Name, Stream

    space = {
        0: Name.DeviceGray,
        2: Name.DeviceRGB,
        3: Array([Name.Indexed, Name.DeviceRGB, max(0, len(png.palette) // 3 - 1), png.palette]),
    }[png.colour]
    return Stream(
        pdf,
        png.data,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=png.width,
        Height=png.height,
        ColorSpace=space,
        BitsPerComponent=png.bits,
        Filter=Name.FlateDecode,
        DecodeParms=Dictionary(
            Predictor=15,
            Colors=3 if png.colour == 2 else 1,
            BitsPerComponent=png.bits,
            Columns=png.width,
        ),
    )


def _png_parts(data: bytes) -> _Png | None:
    """The header, palette and data of a PNG; None where PDF cannot take them as they are: with an
    alpha channel, a transparent colour or interlaced.

    Source: W3C PNG specification, 5.3 (chunks) and 11.2.2 (IHDR).
    """
    position = 8
    width = height = bits = colour = 0
    palette = b""
    pieces: list[bytes] = []
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        begin = position + 8
        if kind == b"IHDR":
            width, height, bits, colour, _, _, interlace = struct.unpack_from(
                ">IIBBBBB", data, begin
            )
            if interlace or colour not in (0, 2, 3):
                return None
        elif kind == b"tRNS":
            return None
        elif kind == b"PLTE":
            palette = data[begin : begin + size]
        elif kind == b"IDAT":
            pieces.append(data[begin : begin + size])
        position = begin + size + 4
    return _Png(width, height, bits, colour, palette, b"".join(pieces))


def _as_png(image: Image.Image) -> bytes:
    """The frame as a PNG without transparency, quickly rather than small."""

    from lineal_consumers.ocr.image_files import as_gray, on_paper

    flat = image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        flat = as_gray(image)
    elif image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        flat = on_paper(image)
    elif image.mode not in ("1", "L", "RGB", "P"):
        flat = image.convert("RGB")
    out = io.BytesIO()
    flat.save(out, format="PNG", compress_level=6 if flat.mode == "1" else 2)
    return out.getvalue()
