"""Images: recognised by their bytes, sized up by their headers, damage told apart."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image, ImageDraw

from lineal.stages import Reject
from lineal_schemas.documents import PageRange


def _page(mode: str = "L", size: tuple[int, int] = (300, 200)) -> Image.Image:
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).text((20, 20), "Invoice 4711", fill="black")
    return image


def _saved(format: str, **options: object) -> bytes:
    out = io.BytesIO()
    _page().save(out, format, **options)
    return out.getvalue()


def _png(width: int, height: int, depth: int = 1, data: bytes = b"") -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("format", "media_type"),
    [
        ("PNG", "image/png"), ("JPEG", "image/jpeg"), ("TIFF", "image/tiff"),
        ("GIF", "image/gif"), ("WEBP", "image/webp"), ("BMP", "image/bmp"),
        ("JPEG2000", "image/jp2"), ("AVIF", "image/avif"), ("PPM", "image/x-portable-anymap"),
    ],
)  # fmt: skip
def test_an_image_is_one_page_to_recognise_whatever_its_name(inspect, format, media_type):
    found = inspect(_saved(format), "letter.docx")
    assert (found.kind, found.media_type, found.pages) == ("image", media_type, 1)
    assert found.plan == (PageRange(first=1, last=1, method="ocr"),)


def test_every_page_of_a_tiff_is_recognised_by_itself(inspect):
    found = inspect(_saved("TIFF", save_all=True, append_images=[_page(), _page("1")]))
    assert found.pages == 3
    assert [(part.first, part.last, part.method) for part in found.plan] == [
        (1, 1, "ocr"),
        (2, 2, "ocr"),
        (3, 3, "ocr"),
    ]


def test_a_huge_image_is_rejected_by_its_header_alone(inspect):
    """It holds no pixels at all, so anything but its header would fail differently."""
    with pytest.raises(Reject, match="30000 x 30000"):
        inspect(_png(30_000, 30_000))


def test_a_huge_image_that_is_really_there_is_rejected(inspect):
    rows = zlib.compressobj()
    data = b"".join(rows.compress(b"\xff" * 3751) for _ in range(30_000)) + rows.flush()
    with pytest.raises(Reject, match="too large"):
        inspect(_png(30_000, 30_000, data=data))


def test_a_huge_page_behind_a_small_one_is_rejected(inspect):
    data = io.BytesIO()
    _page().save(data, "TIFF", save_all=True, append_images=[Image.new("L", (2000, 2000))])
    with pytest.raises(Reject, match="too large"):
        inspect(data.getvalue(), image_pixels=1_000_000)


def test_a_large_scan_within_the_limit_is_taken(inspect):
    data = io.BytesIO()
    Image.new("1", (12_000, 16_000), 1).save(data, "TIFF", compression="group4")
    assert inspect(data.getvalue()).pages == 1


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("keep", [0.5, 0.95])
def test_a_cut_off_image_is_rejected(inspect, format, keep):
    data = _saved(format)
    with pytest.raises(Reject, match=r"cut off|damaged"):
        inspect(data[: int(len(data) * keep)])


def test_a_jpeg_with_a_thumbnail_that_is_cut_off_is_rejected(inspect):
    """The thumbnail's end is not the image's end."""
    data = _saved("JPEG")
    thumbnail = b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data
    whole = data[:2] + thumbnail + data[2:]
    assert inspect(whole).pages == 1
    with pytest.raises(Reject, match="cut off"):
        inspect(whole[:-40])


def test_a_jpeg_with_bytes_behind_its_end_is_taken(inspect):
    assert inspect(_saved("JPEG") + b"\x00trailer" * 50).pages == 1


def test_a_png_with_a_flipped_bit_is_rejected(inspect):
    data = bytearray(_saved("PNG"))
    data[data.index(b"IDAT") + 20] ^= 0x40
    with pytest.raises(Reject, match="damaged"):
        inspect(bytes(data))


def test_a_bare_codestream_of_jpeg_2000_is_an_image(inspect):
    found = inspect(_saved("JPEG2000", no_jp2=True), "page")
    assert (found.kind, found.media_type) == ("image", "image/j2c")


def test_the_frames_of_an_avif_picture_are_pages(inspect):
    out = io.BytesIO()
    _page("RGB").save(out, "AVIF", save_all=True, append_images=[_page("RGB")] * 2)
    found = inspect(out.getvalue(), "page")
    assert (found.kind, found.media_type, found.pages) == ("image", "image/avif", 3)


def test_the_frames_of_an_animated_png_are_pages(inspect):
    out = io.BytesIO()
    other = Image.new("L", (300, 200), "white")
    _page().save(out, "PNG", save_all=True, append_images=[other])
    assert inspect(out.getvalue()).pages == 2


def test_a_picture_of_a_telephone_is_an_image(inspect):
    pytest.importorskip("pi_heif")
    writer = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    writer.from_pillow(_page("RGB")).save(out)
    found = inspect(out.getvalue(), "IMG_0001.HEIC")
    assert (found.kind, found.media_type) == ("image", "image/heic")


def test_every_frame_of_a_gif_is_a_page(inspect):
    second = _page()
    ImageDraw.Draw(second).text((20, 80), "total", fill="black")
    assert inspect(_saved("GIF", save_all=True, append_images=[second])).pages == 2


def test_pillows_own_limit_is_left_as_it_was(inspect):
    before = Image.MAX_IMAGE_PIXELS
    inspect(_saved("PNG"))
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_jpeg_that_lacks_nothing_but_its_end_marker_is_taken(inspect):
    assert inspect(_saved("JPEG").removesuffix(b"\xff\xd9")).pages == 1


def test_an_image_that_is_one_row_of_millions_of_pixels_is_refused(inspect):
    with pytest.raises(Reject, match="too long"):
        inspect(_png(200_000_000, 1))


def test_an_image_of_more_bytes_than_fit_a_worker_is_refused(inspect):
    out = io.BytesIO()
    _page("RGBA").save(out, "PNG")
    with pytest.raises(Reject, match="4 colours"):
        inspect(out.getvalue(), image_bytes=200_000)
