"""Files of other programs inside Office files are documents of their own; else there is a doubt."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lineal_consumers.ocr.attachments.office import office_attachments
from lineal_consumers.ocr.parsers.embedded_object import embedded_file
from lineal_consumers.ocr.parsers.open_xml import OTHER_PROGRAM
from tests.consumers.compound_file import compound_file
from tests.consumers.ocr.parsers.packages import paragraph, word


def native(name: bytes, data: bytes) -> bytes:
    path = b"C:\\a\\" + name + b"\0"
    inside = b"\2\0" + name + b"\0" + path + b"\0\0\3\0" + struct.pack("<I", len(path)) + path
    inside += struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(inside)) + inside


OFFER = compound_file({"\x01Ole10Native": native(b"offer.pdf", b"%PDF-1.4 offer")})
ACROBAT = compound_file({"CONTENTS": b"%PDF-1.4 drawing", "\x01CompObj": b"?"})
OLD_SHEET = compound_file({"Workbook": b"cells"})
EQUATION = compound_file({"Equation Native": b"?"})


def document(*objects: bytes) -> bytes:
    parts: dict[str, tuple[str, str | bytes]] = {
        f"oleObject_{number}": (f"embeddings/o{number}.bin", data)
        for number, data in enumerate(objects)
    }
    return word(paragraph("words"), strict=False, **parts)


def test_files_in_objects_are_attachments(parse, tmp_path: Path) -> None:
    data = document(OFFER, ACROBAT, OLD_SHEET)
    path = tmp_path / "a.docx"
    path.write_bytes(data)
    found = [(file.name, file.read(1 << 20)) for file in office_attachments(path)]
    assert found[0] == ("offer.pdf", b"%PDF-1.4 offer")
    assert found[1][0] == "" and found[1][1].startswith(b"%PDF-1.4 drawing")
    assert found[2] == ("object.xls", OLD_SHEET)
    assert parse(data, "word").pages[0].doubts == ()


@pytest.mark.parametrize("data", [EQUATION, b"?", OFFER[:600], b""])
def test_an_object_without_a_file_is_a_doubt(parse, data: bytes) -> None:
    assert parse(document(OFFER, data), "word").pages[0].doubts == (OTHER_PROGRAM,)


def test_a_file_that_is_cut_off_is_none() -> None:
    whole = native(b"offer.pdf", b"%PDF-1.4 offer" * 400)
    assert embedded_file(compound_file({"\x01Ole10Native": whole[:5_000]})) is None


def test_an_object_in_rich_text_is_a_doubt(parse) -> None:
    text = rb"{\rtf1 words{\object\objemb{\*\objclass Package}{\*\objdata 0105}{\result{\pict}}}}"
    assert parse(text, "word").pages[0].doubts == (OTHER_PROGRAM,)
