"""Outlook's messages, and Office files from before 2007 through another program."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lineal.stages import Reject
from lineal_consumers.ocr.attachments.mail import mail_attachments
from lineal_consumers.ocr.parsers.packed_rich_text import unpacked_rich_text
from tests.consumers.compound_file import compound_file
from tests.consumers.ocr.parsers.packages import paragraph, word

SENT = (133_540_128_000_000_000).to_bytes(8, "little")
"""2024-03-04 08:00 UTC, in tenths of microseconds since 1601."""


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def message(folder: str = "", **properties: bytes) -> dict[str, bytes]:
    streams = {f"{folder}__substg1.0_{tag[1:]}": data for tag, data in properties.items()}
    head = bytes(32 if not folder else 24)
    return {f"{folder}__properties_version1.0": head + struct.pack("<II", 0x00390040, 6) + SENT} | (
        streams
    )


ATTACHED = "__attach_version1.0_#00000000/"
INSIDE = "__attach_version1.0_#00000001/__substg1.0_3701000D/"
MESSAGE = compound_file(
    message(
        _0C1A001F=wide("Jörg Müller"),
        _5D01001F=wide("joerg@example.org"),
        _0E04001F=wide("Anna"),
        _0037001F=wide("Vertrag"),
        _1000001F=wide("Please sign by Friday."),
    )
    | {
        f"{ATTACHED}__substg1.0_3707001F": wide("contract.pdf"),
        f"{ATTACHED}__substg1.0_37010102": b"%PDF-1.4",
    }
    | message(INSIDE, _0037001F=wide("The earlier one"), _1000001F=wide("inner words"))
)


def test_a_message_is_read_like_a_mail(parse):
    result = parse(MESSAGE, "email")
    assert result.text == (
        "From: Jörg Müller <joerg@example.org>\nTo: Anna\nDate: Mon, 04 Mar 2024 08:00:00 +0000\n"
        "Subject: Vertrag\nAttachments: contract.pdf, The earlier one.eml\n\n"
        "Please sign by Friday.\n\nDate: Mon, 04 Mar 2024 08:00:00 +0000\n"
        "Subject: The earlier one\n\ninner words"
    )


def test_its_attachments_are_files_of_their_own(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(MESSAGE)
    found = [(file.name, file.read(10_000).rstrip(b"\0")) for file in mail_attachments(path)]
    assert found == [("contract.pdf", b"%PDF-1.4")]


def test_a_body_of_html_alone_is_read(parse):
    data = compound_file(message(_10130102=b"<p>shown <b>words</b></p>", _0037001F=wide("s")))
    assert parse(data, "email").text.endswith("shown words")


def test_packed_rich_text_is_unpacked():
    """The example of MS-OXRTFCP, 3.1.1."""
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232"
        "0af32068656c090020627705b06c647d0a800fa0"
    )
    assert unpacked_rich_text(packed) == rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"


@pytest.fixture
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the place of LibreOffice, which has one document for all."""
    made = tmp_path / "made.docx"
    made.write_bytes(word(paragraph("from long ago")))
    program = tmp_path / "bin" / "soffice"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != --convert-to ]; do shift; done\n'
        f'[ "$2" = docx ] && cp {made} "$4/object.docx"\nexit 0\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


@pytest.mark.usefixtures("converter")
def test_an_old_document_is_read_through_libreoffice(parse):
    assert parse(compound_file({"WordDocument": b"x"}), "word").text == "from long ago"


@pytest.mark.usefixtures("converter")
def test_an_old_workbook_that_libreoffice_cannot_read_is_rejected(parse):
    with pytest.raises(Reject, match="LibreOffice cannot read it"):
        parse(compound_file({"Workbook": b"x"}), "sheet")
