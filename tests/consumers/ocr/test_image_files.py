"""Images are decoded strip by strip, and large ones at a fraction of their size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from lineal_consumers.ocr.image_files import gray_pixels, open_frame, pixel_density

STRIP = 1_000
_TURNS = (
    "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE",
    "ROTATE_90",
)  # fmt: skip
"""What makes images of the orientations 2 to 8 upright."""


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_orientation_is_turned_upright(turn: int, tmp_path: Path) -> None:
    pixels = np.random.default_rng(turn).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, exif=exif)
    with Image.open(path) as image, Image.open(path) as other:
        expected = np.asarray(ImageOps.exif_transpose(other).convert("L"))
        assert np.array_equal(gray_pixels(image, 1_000_000, strip_pixels=STRIP), expected)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_of_a_tiff_is_turned_upright_once(
    turn: int, compression: str | None, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(turn).integers(0, 256, (70, 90), dtype=np.uint8)
    seen = Image.fromarray(pixels)
    # Each of these but two undoes itself; a quarter turn is undone by the other one.
    undone = {6: 8, 8: 6}.get(turn, turn)
    methods = [None, *(Image.Transpose[name] for name in _TURNS)]
    method = methods[undone - 1]
    stored = seen if method is None else seen.transpose(method)
    path = tmp_path / "a.tif"
    stored.save(path, compression=compression, tiffinfo={274: turn, 282: 300, 283: 150, 296: 2})
    with open_frame(str(path), 1) as image:
        across, down, turned = pixel_density(image)
        assert (across, down) == ((150, 300) if turn >= 5 else (300, 150))
        assert not turned
        assert np.array_equal(gray_pixels(image, 1_000_000, strip_pixels=STRIP), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "CMYK", "I;16"])
def test_a_large_image_is_decoded_at_a_fraction_of_its_size(mode: str, tmp_path: Path) -> None:
    page = Image.new("L", (601, 403), 255)
    page.paste(0, (100, 100, 300, 200))
    if mode == "I;16":
        page = Image.fromarray(np.asarray(page).astype(np.uint16) * 257)
    else:
        page = page.convert(mode)
    path = tmp_path / ("a.tif" if mode in ("CMYK", "I;16") else "a.png")
    page.save(path)
    with Image.open(path) as image:
        gray = gray_pixels(image, 601 * 403 // 9, strip_pixels=STRIP)
    assert gray.shape in ((134, 200), (135, 201))
    assert gray[50, 60] < 10 and gray[10, 10] > 245 and gray[120, 180] > 245


def test_white_letters_in_the_last_strip_alone_do_not_invert_a_dark_page(tmp_path: Path) -> None:
    page = Image.new("RGBA", (100, 100), (255, 255, 255, 0))
    page.paste((0, 0, 0, 255), (10, 85, 60, 95))
    page.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        gray = gray_pixels(image, 1_000_000, strip_pixels=STRIP)
    assert gray[5, 5] == 255 and gray[90, 30] == 0


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_picture_looks_as_it_does_in_other_programs(
    mode: str, turn: int, tmp_path: Path
) -> None:
    page = Image.new(mode, (120, 90), "white" if mode == "RGB" else (0, 0, 0, 0))
    page.paste((20, 60, 120, 255)[: len(mode)], (10, 20, 60, 40))
    exif = Image.Exif()
    exif[0x0112] = turn
    page.save(tmp_path / "a.webp", lossless=True, exif=exif)
    page.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.webp") as image, Image.open(tmp_path / "a.png") as other:
        assert image.format == "WEBP"
        found = gray_pixels(image, 1_000_000, strip_pixels=STRIP)
        expected = gray_pixels(other, 1_000_000, strip_pixels=STRIP)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_second_picture_of_a_webp_animation_is_its_own(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("white", "black")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(tmp_path / "a.webp") as image:
        image.seek(1)
        assert gray_pixels(image, 1_000_000).max() < 5


DECODE = """
import sys
import cv2
from lineal_consumers.ocr.image_files import gray_pixels, open_frame

def kibibytes(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))

before = kibibytes("VmRSS")
with open_frame(sys.argv[1], 1) as image:
    gray_pixels(image, 36_000_000)
print(kibibytes("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_webp_picture_takes_less_than_eight_bytes_a_pixel(tmp_path: Path) -> None:
    page = Image.new("RGB", (4000, 3000), "white")
    page.save(tmp_path / "a.webp", quality=50, method=0)
    done = subprocess.run(
        [sys.executable, "-c", DECODE, str(tmp_path / "a.webp")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    # Of memory, not of address space: how much of that threads take differs between machines.
    assert int(done.stdout) * 1024 < 8 * 4000 * 3000


def test_sixteen_bits_of_the_other_order_are_read(tmp_path: Path) -> None:
    pixels = np.arange(0, 250, dtype=np.uint8).reshape(10, 25)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels.astype(">u2") * 257, byteorder=">", photometric="minisblack")
    with open_frame(str(path), 1) as image:
        assert image.mode == "I;16B"
        made = gray_pixels(image, 1_000_000, strip_pixels=STRIP).astype(int)
    assert abs(made - pixels).max() <= 3


def test_of_lab_colours_the_lightness_is_read(tmp_path: Path) -> None:
    pixels = np.arange(0, 250, dtype=np.uint8).reshape(10, 25)
    path = tmp_path / "a.tif"
    even = Image.new("L", (25, 10), 128)
    Image.merge("LAB", (Image.fromarray(pixels), even, even)).save(path)
    with open_frame(str(path), 1) as image:
        assert np.array_equal(gray_pixels(image, 1_000_000, strip_pixels=STRIP), pixels)
