"""Images by their headers: whole, of a size that can be read, and how many pages.

Nothing is decoded here: the size is checked before anything may allocate by it.
"""

from __future__ import annotations

import mmap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from lineal.stages import Reject
from lineal_catalog.file_formats.images import readable_formats
from lineal_catalog.file_formats.jpeg import JPEG_END, is_complete_jpeg
from lineal_consumers.classify.config import ClassifyConfig

if TYPE_CHECKING:
    from PIL.Image import Image

_MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "DIB": "image/bmp",
    "JPEG2000": "image/jp2",
    "AVIF": "image/avif",
    "PPM": "image/x-portable-anymap",
    "HEIF": "image/heic",
}
_ANIMATED = ("image/gif", "image/webp", "image/heic", "image/avif")
_FREE_BYTES = 200_000_000
"""Pixels times colours of an image in a file of any size."""
_UNPACKED_PER_BYTE = 200
"""Of the file, in addition: of photos a byte is some twenty, of faxes a hundred."""
_BLOCKS = ((273, 279), (324, 325))
"""TIFF tags of the offsets and the byte counts of an image's strips, and of its tiles."""


def inspect_image(path: Path, config: ClassifyConfig) -> tuple[str, int]:
    """The media type and the number of pages of an image; frames are pages.

    Raises:
        Reject: it is damaged, cut off, or larger than the configuration allows.
    """
    from PIL import Image, UnidentifiedImageError

    limit = Image.MAX_IMAGE_PIXELS
    # Pillow's own check raises from 179 million pixels; ours follows, with a reason.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(path, formats=readable_formats()) as image,
        ):
            media_type = _MEDIA_TYPES[image.format or ""]
            if getattr(image, "codec", "") == "j2k":
                media_type = "image/j2c"
            _check_size(image, config)
            _check_packing(image, path.stat().st_size)
            pages = 1
            if media_type == "image/tiff":
                pages = _inspect_tiff(image, path.stat().st_size, config)
            elif media_type == "image/png":
                pages = _count_frames(image, config)
                image.verify()
            elif media_type in _ANIMATED:
                pages = _count_frames(image, config)
    except UnidentifiedImageError as error:
        raise Reject("the image is damaged: its header cannot be read") from error
    except (SyntaxError, ValueError, KeyError, TypeError, EOFError, IndexError) as error:
        raise Reject("the image is damaged") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise Reject("the image is damaged") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    if media_type == "image/jpeg":
        _check_jpeg(path)
    if media_type == "image/png":
        _check_png(path)
    return media_type, pages


def _count_frames(image: Image, config: ClassifyConfig) -> int:
    pages = int(getattr(image, "n_frames", 1))
    if pages > config.image_pages:
        raise Reject(f"the image has more than {config.image_pages:,} pages")
    return pages


def _check_size(image: Image, config: ClassifyConfig) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise Reject("the image has no pixels")
    if max(width, height) > config.image_side:
        raise Reject(
            f"the image is too long: {width} x {height} pixels, "
            f"at most {config.image_side:,} on a side are read"
        )
    if width * height > config.image_pixels:
        raise Reject(
            f"the image is too large: {width} x {height} pixels, "
            f"at most {config.image_pixels:,} are read"
        )
    if width * height * len(image.getbands()) > config.image_bytes:
        raise Reject(
            f"the image is too large: {width} x {height} pixels of {len(image.getbands())} "
            f"colours, at most {config.image_bytes:,} bytes are read"
        )


def _check_packing(image: Image, file_bytes: int) -> None:
    unpacked = image.width * image.height * len(image.getbands())
    most = _FREE_BYTES + _UNPACKED_PER_BYTE * file_bytes
    if unpacked > most:
        raise Reject(
            f"the image unpacks too much: to {unpacked:,} bytes, at most {most:,} are read from "
            f"a file of {file_bytes:,} bytes"
        )


def _inspect_tiff(image: Image, file_bytes: int, config: ClassifyConfig) -> int:
    """The number of frames; every frame's data must lie within the file."""
    pages = 0
    while True:
        _check_size(image, config)
        _check_packing(image, file_bytes)
        tags = getattr(image, "tag_v2", {})
        for offsets, counts in _BLOCKS:
            for offset, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False):
                if offset + count > file_bytes:
                    raise Reject("the image is cut off")
        pages += 1
        if pages > config.image_pages:
            raise Reject(f"the image has more than {config.image_pages:,} pages")
        try:
            image.seek(pages)
        except EOFError:
            return pages


def _check_png(path: Path) -> None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.rfind(b"IEND") < 0 or data.find(b"IDAT") < 0:
            raise Reject("the image is cut off")


def _check_jpeg(path: Path) -> None:
    """Within a scan every 0xFF byte of data is stuffed, so an end marker found after the start
    of the first scan is the real one and not that of an embedded thumbnail."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = 2
        while at + 4 <= len(data) and data[at] == 0xFF:
            marker = data[at + 1]
            if marker == 0xDA:
                if data.find(JPEG_END, at) < 0 and not is_complete_jpeg(data[:]):
                    raise Reject("the image is cut off")
                return
            if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:
                at += 1 if marker == 0xFF else 2
            else:
                at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise Reject("the image is damaged")
