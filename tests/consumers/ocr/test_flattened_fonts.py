"""A page's own words are read with its own fonts, whatever a note on it brings with it."""

from __future__ import annotations

import string

from tests.consumers.ocr.conftest import ReadPdf
from tests.faults.files import pdf_of_objects

_WORDS = "Plainly printed words stand here for everybody who reads"


def with_a_note() -> bytes:
    """A page whose font, known to it through its parent, has each letter at the code before its
    own, and a typed note whose font has the same name and no such order."""
    letters = " ".join(f"{ord(letter) - 1}/{letter}" for letter in string.ascii_letters)
    encoding = f"<</Type/Encoding/Differences[31/space {letters}]>>".encode()
    shown = "".join(f"{ord(letter) - 1:02x}" for letter in _WORDS).encode()
    content = b"BT /F1 14 Tf 60 700 Td <%b> Tj ET" % shown
    note = b"BT /F1 12 Tf 2 5 Td (typed note) Tj ET"
    return pdf_of_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]/Resources<</Font<</F1 6 0 R>>>>>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Annots[5 0 R]>>",
            b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content),
            b"<</Type/Annot/Subtype/FreeText/Rect[60 500 260 520]/F 4/Contents(typed note)"
            b"/DA(/F1 12 Tf)/AP<</N 7 0 R>>>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding %b>>" % encoding,
            b"<</Type/XObject/Subtype/Form/BBox[0 0 200 20]"
            b"/Resources<</Font<</F1 8 0 R>>>>/Length %d>>\nstream\n%b\nendstream"
            % (len(note), note),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


def test_the_font_of_a_note_is_not_taken_for_that_of_the_page(read_pdf: ReadPdf) -> None:
    result, _ = read_pdf(with_a_note())
    assert _WORDS in " ".join(result.text.split())
    assert "typed note" in result.text
