"""E-mails: headers, the body a reader would see, the names of attachments."""

from __future__ import annotations

from email.message import EmailMessage

import pytest


@pytest.fixture
def message() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Jörg Müller <joerg@example.org>"
    mail["To"] = "anna@example.org, ben@example.org"
    mail["Date"] = "Mon, 01 Jan 2024 10:00:00 +0000"
    mail["Subject"] = "Größe und 日本"
    return mail


def _values(result) -> dict[str, str]:
    return {kv.key: kv.value for kv in result.pages[0].key_values}


def test_headers_are_key_values_and_text(parse, message):
    message.set_content("Hello Anna\n")
    result = parse(message.as_bytes(), "email")
    assert _values(result) == {
        "From": "Jörg Müller <joerg@example.org>",
        "To": "anna@example.org, ben@example.org",
        "Date": "Mon, 01 Jan 2024 10:00:00 +0000",
        "Subject": "Größe und 日本",
    }
    assert result.text.endswith("Subject: Größe und 日本\n\nHello Anna")


def test_the_plain_body_is_taken_where_there_is_one(parse, message):
    message.set_content("plain words\n")
    message.add_alternative("<p>html words</p>", subtype="html")
    text = parse(message.as_bytes(), "email").text
    assert "plain words" in text and "html words" not in text


def test_an_html_body_is_read_as_text_with_its_tables(parse, message):
    message.set_content(
        "<p>Hello <b>Anna</b></p><table><tr><td>a<td>b<tr><td>c<td>d</table>", subtype="html"
    )
    result = parse(message.as_bytes(), "email")
    assert "Hello Anna\na\tb\nc\td" in result.text
    assert result.pages[0].tables[0].rows == (("a", "b"), ("c", "d"))


def test_attachments_are_named_and_not_read(parse, message):
    message.set_content("see attached\n")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ä.pdf")
    message.add_attachment("secret words", filename="notes.txt")
    inner = EmailMessage()
    inner["Subject"] = "the earlier mail"
    inner.set_content("inner words")
    message.add_attachment(inner)
    result = parse(message.as_bytes(), "email")
    assert _values(result)["Attachments"] == "ä.pdf, notes.txt, the earlier mail.eml"
    assert "secret words" not in result.text and "inner words" not in result.text


@pytest.mark.parametrize("charset", ["iso-8859-1", "no-such-charset", "utf-8"])
def test_a_wrong_charset_does_not_cost_the_message(parse, charset):
    head = f"From: a@b.c\nMIME-Version: 1.0\nContent-Type: text/plain; charset={charset}\n"
    body = "naïve café".encode("utf-8" if charset == "utf-8" else "cp1252")
    source = f"{head}Content-Transfer-Encoding: 8bit\n\n".encode() + body
    assert parse(source, "email").text.endswith("naïve café")


@pytest.mark.parametrize(
    "header",
    [
        b"Date: the other day",
        b"From: <<>>,,@@",
        b"To: =?utf-8?b?broken",
        b"Subject: =?x?q?=?=",
        b"Cc: \xff\xfe raw",
        b"From: " + b"(" * 50 + b"a@b.c",
        b"To: a@[",
    ],
)
def test_senseless_headers_are_survived(parse, header):
    text = parse(header + b"\nMessage-ID: <1@x>\nX-Other: y\n\nthe body\n", "email").text
    assert text.endswith("the body")


def test_line_breaks_folded_into_a_subject_are_spaces(parse):
    source = "Subject: a long\n subject line\nFrom: a@b.c\n\nbody"
    assert _values(parse(source, "email"))["Subject"] == "a long subject line"


def test_a_message_cut_off_in_the_middle_of_a_part_is_read(parse, message):
    message.set_content("first words\n")
    message.add_attachment(b"x" * 5000, maintype="application", subtype="pdf", filename="a.pdf")
    result = parse(message.as_bytes()[:-3000], "email")
    assert "first words" in result.text
