"""What mails hold packed: signed mail, ``winmail.dat``, files that stand in the text."""

from __future__ import annotations

import binascii
import datetime
import struct
import zlib
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from lineal_consumers.ocr.attachments.mail import mail_attachments
from lineal_consumers.ocr.parsers.packed_mail import MAX_PACKINGS
from lineal_consumers.ocr.parsers.signed_content import signed_content
from lineal_consumers.ocr.parsers.uuencoded import split_uuencoded
from tests.consumers.compound_file import compound_file

HEAD = b"From: anna@example.org\nTo: ben@example.org\nSubject: figures\nMIME-Version: 1.0\n"


@pytest.fixture
def attached(tmp_path: Path):
    def read(data: bytes) -> dict[str, bytes]:
        path = tmp_path / "mail"
        path.write_bytes(data)
        return {file.name: file.read(1 << 20) for file in mail_attachments(path)}

    return read


def encoded(name: str, data: bytes) -> str:
    lines = [data[at : at + 45] for at in range(0, len(data), 45)]
    body = "".join(binascii.b2a_uu(line).decode() for line in lines)
    return f"begin 644 {name}\n{body}`\nend\n"


def test_files_in_the_text_are_attachments(parse, attached):
    table = b"part;price\nbolt;3,20\n" * 9
    mail = HEAD + f"\nbefore it\n\n{encoded('prices.csv', table)}\nafter it\n".encode()
    text = parse(mail, "email").text
    assert "before it" in text and "after it" in text and "Attachments: prices.csv" in text
    assert "begin 644" not in text
    assert attached(mail) == {"prices.csv": table}


def test_a_file_in_a_part_of_the_mail(parse, attached):
    message = EmailMessage()
    message["Subject"] = "s"
    message.set_content(f"see below\n{encoded('a b.txt', b'inside it')}")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="x.pdf")
    assert attached(message.as_bytes()) == {"a b.txt": b"inside it", "x.pdf": b"%PDF"}
    assert "see below" in parse(message.as_bytes(), "email").text


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 words of prose\nthat go on in small letters\nend\n",
        b"begin 644 nothing\n",
        b"we begin 644 times\n",
    ],
)
def test_prose_is_no_file(text):
    assert split_uuencoded(text) == [("", text)]


def test_a_file_that_is_cut_off_is_one_as_far_as_it_goes():
    cut = encoded("x.txt", b"first line of it, forty-five characters long." * 2).split("\n")[:2]
    pieces = split_uuencoded("\n".join(["words", *cut, ""]).encode())
    assert [name for name, _ in pieces] == ["", "x.txt", ""]
    assert pieces[1].data == b"first line of it, forty-five characters long."


def test_a_file_in_base64():
    text = b"a\nbegin-base64 644 x.bin\nAAEC\n====\nz\n"
    assert split_uuencoded(text) == [("", b"a\n"), ("x.bin", b"\0\1\2"), ("", b"z\n")]


def signed(content: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anna")])
    now = datetime.datetime(2026, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


INNER = EmailMessage()
INNER.set_content("the words that were signed\n")
INNER.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="offer.pdf")


def sealed(data: bytes, name: str = "smime.p7m", kind: str = "signed-data") -> bytes:
    return HEAD + (
        f'Content-Type: application/pkcs7-mime; smime-type={kind}; name="{name}"\n'
        "Content-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="{name}"\n\n'
    ).encode() + binascii.b2a_base64(data)  # fmt: skip


def test_a_mail_that_is_signed_as_a_whole(parse, attached):
    mail = sealed(signed(INNER.as_bytes()))
    result = parse(mail, "email")
    assert "the words that were signed" in result.text and "Subject: figures" in result.text
    assert "smime.p7m" not in result.text and result.pages[0].doubts == ()
    assert attached(mail) == {"offer.pdf": b"%PDF-1.4"}


def streamed(content: bytes) -> bytes:
    """Signed data as OpenSSL's ``-stream`` writes it: no lengths, octets in pieces."""
    pieces = b"".join(b"\x04\x05" + content[at : at + 5] for at in range(0, len(content) - 4, 5))
    rest = content[len(content) // 5 * 5 :]
    pieces += bytes([4, len(rest)]) + rest
    identifier = bytes.fromhex("06092a864886f70d0107")
    data = b"\x30\x80" + identifier + b"\x01\xa0\x80\x24\x80" + pieces + b"\0\0" * 3
    algorithms = bytes.fromhex("310d300b0609608648016503040201")
    inside = b"\x30\x80\x02\x01\x01" + algorithms + data + b"\x31\x00\0\0"
    return b"\x30\x80" + identifier + b"\x02\xa0\x80" + inside + b"\0\0" * 2


def test_signed_data_without_lengths():
    content = INNER.as_bytes()
    assert signed_content(streamed(content)) == content


def test_compressed_mail(parse):
    packed = zlib.compress(b"Content-Type: text/plain\n\nwords that were packed\n")

    def held(tag: int, data: bytes) -> bytes:
        return bytes([tag, 0x81, len(data)]) + data

    octets = held(0xA0, held(4, packed))
    inner = held(0x30, bytes.fromhex("06092a864886f70d010701") + octets)
    algorithm = bytes.fromhex("300d060b2a864886f70d0109100308")
    body = held(0x30, b"\x02\x01\x00" + algorithm + inner)
    data = held(0x30, bytes.fromhex("060b2a864886f70d0109100109") + held(0xA0, body))
    assert "words that were packed" in parse(sealed(data, "smime.p7z"), "email").text


def test_a_signed_file_is_an_attachment(parse, attached):
    message = EmailMessage()
    message["Subject"] = "fattura"
    message.set_content("in allegato\n")
    message.add_attachment(
        signed(b"<Fattura>12</Fattura>"), maintype="application", subtype="octet-stream",
        filename="fattura.xml.p7m",
    )  # fmt: skip
    assert attached(message.as_bytes()) == {"fattura.xml": b"<Fattura>12</Fattura>"}
    assert "Attachments: fattura.xml\n" in parse(message.as_bytes(), "email").text


@pytest.mark.parametrize(
    "data", [b"\x30\x80\x06", b"\x30\x84\xff\xff\xff\xff", b"", b"\x30\x80" * 9000]
)
def test_what_cannot_be_opened_is_a_doubt(parse, data):
    result = parse(sealed(data, kind="enveloped-data"), "email")
    assert result.pages[0].doubts == ("the mail is encrypted, or signed so that it cannot be read",)


def test_encrypted_text_is_a_doubt(parse):
    text = b"\n-----BEGIN PGP MESSAGE-----\n\nhQEMA7\n-----END PGP MESSAGE-----\n"
    assert parse(HEAD + text, "email").pages[0].doubts == ("the mail is encrypted",)


def test_packings_inside_each_other_have_a_limit(parse):
    entity = b"Content-Type: text/plain\n\nin the middle\n"
    for _ in range(MAX_PACKINGS + 1):
        entity = sealed(signed(entity)).removeprefix(HEAD)
    assert parse(HEAD + entity, "email").pages[0].doubts


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("<BII", 1, kind, len(data)) + data + struct.pack("<H", sum(data) % 65536)


def properties(*listed: tuple[int, int, bytes]) -> bytes:
    out = struct.pack("<I", len(listed))
    for kind, tag, data in listed:
        out += struct.pack("<HH", kind, tag)
        if tag >= 0x8000:
            out += bytes(16) + struct.pack("<II", 1, 6) + "abc".encode("utf-16-le") + b"\0\0"
        if kind in (0x1F, 0x102, 0xD):
            out += struct.pack("<II", 1, len(data)) + data + bytes(-len(data) % 4)
        else:
            out += data
    return out


def winmail(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def with_winmail(data: bytes, text: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"] = "from Outlook"
    message.set_content(text)
    message.add_attachment(data, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    return message.as_bytes()


FILE = (
    attribute(0x00069002, bytes(14)),
    attribute(0x00018010, b"OFFER~1.PDF\0"),
    attribute(0x0006800F, b"%PDF-1.4"),
    attribute(0x00069005, properties((0x1F, 0x3707, wide("Offer für Anna.pdf\0")))),
)
BODY = attribute(
    0x00069003,
    properties(
        (3, 0x8001, bytes(4)),
        (0x40, 0x0039, bytes(8)),
        (0x102, 0x1013, b"<p>please <b>sign the offer</b> until Friday</p>"),
    ),
)


def test_a_winmail_is_unpacked(parse, attached):
    mail = with_winmail(winmail(BODY, *FILE))
    text = parse(mail, "email").text
    assert "please sign the offer until Friday" in text and "Offer für Anna.pdf" in text
    assert attached(mail) == {"Offer für Anna.pdf": b"%PDF-1.4"}


def test_what_a_winmail_says_again_is_read_once(parse):
    mail = with_winmail(winmail(BODY, *FILE), "please sign the offer until Friday\n")
    assert parse(mail, "email").text.count("sign the offer") == 1


def test_a_message_in_a_winmail(parse, attached):
    inner = winmail(attribute(0x0002800C, b"what was said earlier\0"), *FILE)
    embedded = attribute(
        0x00069005,
        properties((0x1F, 0x3707, wide("Earlier\0")), (0xD, 0x3701, bytes(16) + inner)),
    )
    mail = with_winmail(winmail(attribute(0x00069002, bytes(14)), embedded))
    assert "what was said earlier" in parse(mail, "email").text
    assert list(attached(mail)) == ["Offer für Anna.pdf"]


@pytest.mark.parametrize("kept", [6, 9, 20, 60, 120])
def test_a_winmail_that_is_cut_off(parse, kept):
    parse(with_winmail(winmail(BODY, *FILE)[:kept], "the words\n"), "email")


def test_files_of_messages_inside_a_message_of_outlook(attached):
    inside = "__attach_version1.0_#00000000/__substg1.0_3701000D/"
    streams = {
        "__properties_version1.0": bytes(32),
        "__substg1.0_0037001F": wide("forwarded"),
        f"{inside}__properties_version1.0": bytes(24),
        f"{inside}__substg1.0_1000001F": wide("words"),
        f"{inside}__attach_version1.0_#00000000/__substg1.0_3707001F": wide("deep.pdf"),
        f"{inside}__attach_version1.0_#00000000/__substg1.0_37010102": b"%PDF-1.4",
    }
    found = attached(compound_file(streams))
    assert {name: data.rstrip(b"\0") for name, data in found.items()} == {"deep.pdf": b"%PDF-1.4"}


@pytest.mark.parametrize(
    ("stated", "data"),
    [
        (
            "multipart/signed",
            b"Content-Type: multipart/signed; boundary=b\n\n--b\n\nsigned words\n--b--",
        ),
        ("application/pkcs7-mime", signed(b"Content-Type: text/plain\n\nsigned words\n")),
    ],
)  # fmt: skip
def test_a_signed_message_of_outlook(parse, stated, data):
    folder = "__attach_version1.0_#00000000/"
    streams = {
        "__properties_version1.0": bytes(32),
        "__substg1.0_0037001F": wide("signed"),
        f"{folder}__substg1.0_3707001F": wide("smime.p7m"),
        f"{folder}__substg1.0_370E001F": wide(stated),
        f"{folder}__substg1.0_37010102": data,
    }
    result = parse(compound_file(streams), "email")
    assert "signed words" in result.text and result.pages[0].doubts == ()
