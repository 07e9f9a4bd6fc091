"""Files of all kinds, sound and broken, made on the spot."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence

PROSE = (
    "The committee met on Tuesday to discuss the annual report and agreed that the figures for "
    "the second quarter should be published together with a short explanation of the method. "
)


def pdf_of_objects(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, the first of which is its catalog."""
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def text_pdf(pages: Sequence[str]) -> bytes:
    """A PDF whose pages show these texts, in a font that every reader has."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(pages), kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for index, text in enumerate(pages):
        lines = [text[at : at + 90] for at in range(0, len(text), 90)]
        shown = "".join(f"({line}) Tj T*\n" for line in lines)
        content = f"BT /F1 10 Tf 12 TL 50 740 Td\n{shown}ET\n".encode("latin-1")
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (5 + 2 * index)
        )
        objects.append(b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content))
    return pdf_of_objects(objects)


def pdf_without_pages() -> bytes:
    return pdf_of_objects([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 0/Kids[]>>"])


def pdf_that_contains_itself() -> bytes:
    return pdf_of_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 3/Kids[3 0 R 2 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>",
        ]
    )


def encrypted_pdf() -> bytes:
    import pikepdf

    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(text_pdf([PROSE * 3]))) as document:
        document.save(out, encryption=pikepdf.Encryption(owner="owner", user="user"))
    return out.getvalue()


def huge_png(side: int = 30_000) -> bytes:
    """A white square of one bit a pixel: a small file that takes 112 MB when it is decoded."""
    packer = zlib.compressobj(1)
    row = b"\x00" + b"\xff" * (side // 8)
    body = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def scan(text: str) -> bytes:
    """A PNG of some words at 100 dpi, as a scanner would make it."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (700, 160), 255)
    draw = ImageDraw.Draw(image)
    draw.text((20, 30), text, fill=0, font=ImageFont.load_default(size=34))
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(100, 100))
    return out.getvalue()


def bomb_docx() -> bytes:
    """A Word document of a few kilobytes whose text unpacks to 300 MB of zeros."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
            'officedocument.wordprocessingml.document.main+xml"/></Types>',
        )
        with archive.open("word/document.xml", "w") as entry:
            for _ in range(300):
                entry.write(bytes(1 << 20))
    return out.getvalue()
