"""A file without the end of its kind is told from a finished one."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from lineal_producers.folder.completeness import has_its_end


def _image(format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture = Image.effect_noise((64, 64), 60).convert("RGB")
    picture.save(out, format, **options)
    return out.getvalue()


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a" * 500)
    return out.getvalue()


FILES = {
    "png": _image("PNG"),
    "jpeg": _image("JPEG"),
    "gif": _image("GIF"),
    "webp": _image("WEBP", lossless=True),
    "bmp": _image("BMP"),
    "tiff": _image("TIFF"),
    "pdf": b"%PDF-1.4\n" + b"1 0 obj\n" * 400 + b"startxref\n9\n%%EOF\n",
    "zip": _archive(),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_whole_file_has_its_end_and_a_part_of_it_has_not(kind: str) -> None:
    data = FILES[kind]
    assert has_its_end(io.BytesIO(data))
    assert has_its_end(io.BytesIO(data + b"\0" * 100))
    for share in (0.2, 0.5, 0.9):
        assert not has_its_end(io.BytesIO(data[: int(len(data) * share)]))


def test_texts_need_no_end_and_empty_files_have_none() -> None:
    file = io.BytesIO(b"some words")
    file.seek(4)
    assert has_its_end(file)
    assert file.tell() == 4
    assert not has_its_end(io.BytesIO(b""))
