"""Text layers in Hebrew and Arabic, whose letters programs write in either order."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Dictionary, Name

from tests.consumers.ocr.conftest import ReadFile

WORDS = ("السيدة", "الفاضلة", "ليلى", "حسن")
CODES = {letter: 97 + at for at, letter in enumerate(sorted(set("".join(WORDS))))}
WIDE = 12.0


def pdf_of(content: str) -> bytes:
    """A page whose letters are those of Hebrew by the map of a font of Latin ones."""
    pairs = "".join(f"<{code:02x}> <{ord(letter):04x}>\n" for letter, code in CODES.items())
    meant = (
        "begincmap 1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(CODES)} beginbfchar\n{pairs}endbfchar endcmap"
    )
    with pikepdf.new() as pdf:
        font = Dictionary(
            Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier,
            ToUnicode=pdf.make_stream(meant.encode()),
        )  # fmt: skip
        page = pdf.add_blank_page(page_size=(600, 400))
        page.obj.Resources = Dictionary(Font=Dictionary(F=font))
        page.obj.Contents = pdf.make_stream(content.encode())
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def show(letters: str, x: float) -> str:
    codes = "".join(f"{CODES[letter]:02x}" for letter in letters)
    return f"BT /F 20 Tf 1 0 0 1 {x} 200 Tm <{codes}> Tj ET\n"


@pytest.mark.parametrize("written", ["from the left", "from the right", "letter by letter"])
def test_words_are_read_from_the_right_however_their_letters_are_written(
    written: str, read_file: ReadFile, tmp_path: Path
) -> None:
    pieces, x = [], 500.0
    for word in WORDS:
        left = x - WIDE * len(word)
        if written == "from the left":
            pieces.append(show(word[::-1], left))
        else:
            spelled = [show(letter, x - WIDE * (at + 1)) for at, letter in enumerate(word)]
            if written == "letter by letter":
                # As Chromium writes them: from the left, each with what it is.
                spelled = [
                    f"/Span<</ActualText<FEFF{ord(letter):04X}>>>BDC {shown}EMC\n"
                    for letter, shown in zip(word[::-1], spelled[::-1], strict=True)
                ]
            pieces.append("".join(spelled))
        x = left - WIDE
    if written != "from the right":
        pieces.reverse()
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of("".join(pieces)))
    assert read_file(path, method="text-layer").words() == list(WORDS)
