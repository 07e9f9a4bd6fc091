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


def named(guid: str, number: int, tag: int) -> dict[str, bytes]:
    """The storage that says which tag a named property has."""
    return {
        "__nameid_version1.0/__substg1.0_00020102": bytes.fromhex(guid),
        "__nameid_version1.0/__substg1.0_00030102": struct.pack("<IHH", number, 6, tag - 0x8000),
    }


def test_an_appointment_says_when_and_where(parse):
    times = struct.pack("<IIQ", 0x00600040, 6, int.from_bytes(SENT, "little"))
    times += struct.pack("<IIQ", 0x00610040, 6, int.from_bytes(SENT, "little") + 36_000_000_000)
    streams = {
        "__properties_version1.0": bytes(32) + times,
        "__substg1.0_001A001F": wide("IPM.Appointment"),
        "__substg1.0_0037001F": wide("Board"),
        "__substg1.0_8001001F": wide("Room 4"),
        **named("0220060000000000c000000000000046", 0x8208, 0x8001),
    }
    text = parse(compound_file(streams), "email").text
    assert text == (
        "Subject: Board\n\nStart: 2024-03-04 08:00 UTC\nEnd: 2024-03-04 09:00 UTC\nLocation: Room 4"
    )


def test_a_contact_says_how_somebody_is_reached(parse):
    streams = message(
        _001A001F=wide("IPM.Contact"),
        _3001001F=wide("Jörg Müller"),
        _3A16001F=wide("Alder GmbH"),
        _3A1C001F=wide("+49 170 5550100"),
        _8002001F=wide("joerg@example.org"),
    ) | named("0420060000000000c000000000000046", 0x8083, 0x8002)
    text = parse(compound_file(streams), "email").text
    assert text.endswith(
        "Name: Jörg Müller\nCompany: Alder GmbH\nMobile: +49 170 5550100\nE-mail: joerg@example.org"
    )


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
