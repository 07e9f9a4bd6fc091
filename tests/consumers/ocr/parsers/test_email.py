"""E-mails: headers, the body a reader would see, the names of attachments."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from lineal_consumers.ocr.attachments.mail import mail_attachments


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


def body_of(parse, message: EmailMessage) -> str:
    text: str = parse(message.as_bytes(), "email").text
    return text.partition("\n\n")[2]


@pytest.mark.parametrize(
    ("plain", "html", "shown"),
    [
        ("the same words\n", "<p>the same <b>words</b></p>", "the same words\n"),
        ("plain words\n", "<p>other words</p>", "other words"),
        ("pay 100 to 1122\n", "<p>pay 950 to 9988</p>", "pay 950 to 9988\npay 100 to 1122\n"),
        ("see https://a.example/x?id=77\n", "<p>see <a href='x'>there</a></p>", "see there"),
    ],
)
def test_what_people_see_is_taken_and_figures_of_the_other(parse, message, plain, html, shown):
    message.set_content(plain)
    message.add_alternative(html, subtype="html")
    assert body_of(parse, message) == shown.rstrip("\n")


def test_versions_for_other_programs_are_left_out_where_there_is_another(parse, message):
    message.set_content("plain words\n")
    message.add_alternative("<html amp4email>plain words and boilerplate", subtype="x-amp-html")
    assert body_of(parse, message) == "plain words"


def test_a_mail_of_apple_mail_is_read(parse, message):
    message.set_content("<p>f&uuml;r Anna</p>", subtype="html")
    data = message.as_bytes()
    assert body_of(parse, message).strip() == "für Anna"
    counted = f"{len(data)}    \n".encode() + data + b'<?xml version="1.0"?><plist/>'
    assert parse(counted, "email").text == parse(data, "email").text


def test_what_stands_behind_an_alarm_of_an_invitation_is_read(parse, message):
    calendar = (
        "BEGIN:VCALENDAR\nMETHOD:CANCEL\nBEGIN:VEVENT\nBEGIN:VALARM\nACTION:DISPLAY\nEND:VALARM\n"
        "SUMMARY:Annual me\n eting\nDTSTART;TZID=Europe/Berlin:20240105T100000\nEND:VEVENT\n"
        "END:VCALENDAR\n"
    )
    message.set_content(calendar, subtype="calendar")
    assert body_of(parse, message) == (
        "Invitation: cancelled\nSummary: Annual meeting\nStart: 2024-01-05 10:00 Europe/Berlin"
    )


def test_a_card_in_a_mail_is_read(parse, message):
    message.set_content("BEGIN:VCARD\nNOTE:one\\ntwo\nEND:VCARD\n", subtype="vcard")
    assert body_of(parse, message) == "BEGIN:VCARD\nNOTE:one\ntwo\nEND:VCARD"


def test_an_html_body_is_read_as_text_with_its_tables(parse, message):
    message.set_content(
        "<p>Hello <b>Anna</b></p><table><tr><td>a<td>b<tr><td>c<td>d</table>", subtype="html"
    )
    result = parse(message.as_bytes(), "email")
    assert "Hello Anna\na\tb\nc\td" in result.text
    assert result.pages[0].tables[0].rows == (("a", "b"), ("c", "d"))


def test_attachments_are_named_and_no_part_of_the_text(parse, message):
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
    assert result.pages[0].doubts == ()


def test_attachments_are_files_of_their_own(tmp_path, message):
    message.set_content("see attached\n")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="ä.pdf")
    message.add_attachment("words", filename="notes.txt")
    inner = EmailMessage()
    inner["Subject"] = "the earlier mail"
    inner.set_content("inner words")
    inner.add_attachment(b"deep", maintype="application", subtype="x", filename="deep.bin")
    message.add_attachment(inner)
    path = tmp_path / "mail"
    path.write_bytes(message.as_bytes())
    found = [(file.name, file.read(1_000)) for file in mail_attachments(path)]
    assert [name for name, _ in found] == ["ä.pdf", "notes.txt", "the earlier mail.eml"]
    assert found[0][1] == b"%PDF"
    assert found[1][1].strip() == b"words"
    assert b"inner words" in found[2][1]


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


def _multipart(subtype: str, *parts: tuple[str, str]) -> str:
    pieces = "".join(f"--b\nContent-Type: {kind}\n\n{body}\n" for kind, body in parts)
    head = "From: a@b.c\nMessage-ID: <1@x>\nMIME-Version: 1.0\n"
    return f'{head}Content-Type: multipart/{subtype}; boundary="b"\n\n{pieces}--b--\n'


def test_the_body_is_chosen_where_there_is_a_choice_and_nowhere_else(parse):
    """A footer in plain text that a mailing list adds is no other version of an HTML body."""
    mail = _multipart("mixed", ("text/html", "<p>Sign the contract"), ("text/plain", "List footer"))
    assert parse(mail, "email").text.endswith("Sign the contract\nList footer")


def test_a_plain_text_that_says_less_than_the_html_is_not_taken_for_it(parse):
    mail = _multipart(
        "alternative",
        ("text/plain", "Please use a reader that shows HTML."),
        ("text/html", "<p>The invoice 4711 over 1,250 euros is due on Friday, by transfer"),
    )
    text = parse(mail, "email").text
    assert "invoice 4711" in text


def test_an_invitation_says_what_when_and_where(parse):
    event = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Review\\, second\nDTSTART:20240312T090000Z\n"
        "LOCATION:Room\n  7\nATTENDEE;CN=Ben:mailto:ben@b.c\nEND:VEVENT\nEND:VCALENDAR"
    )
    text = parse(_multipart("alternative", ("text/calendar", event)), "email").text
    for line in (
        "Summary: Review, second",
        "Start: 2024-03-12 09:00 UTC",
        "Location: Room 7",
        "Attendee: Ben <ben@b.c>",
    ):
        assert line in text.splitlines()


def test_parts_of_an_attached_message_are_chosen_like_those_of_the_mail(parse):
    inner = _multipart("alternative", ("text/plain", "inner plain words"))
    text = parse(_multipart("mixed", ("message/rfc822", inner.replace("--b", "--c").replace(
        'boundary="b"', 'boundary="c"'))), "email").text  # fmt: skip
    assert text.endswith("inner plain words")


@pytest.mark.parametrize(
    ("header", "charset", "shown"),
    [
        ("für Müller".encode("latin-1"), "iso-8859-1", "für Müller"),
        ("für Müller".encode(), "iso-8859-1", "für Müller"),
        ("für Müller".encode("cp1252"), "no-such", "für Müller"),
        (b"=?gb2312?B?sGzGsb+C7n60X9VK?=", "utf-8", "發票總額確認"),
        (b"=?unknown-8bit?Q?Gr=FC=DFe?=", "utf-8", "Grüße"),
        (b"=?utf-8?Q?M=C3?= =?utf-8?Q?=BCller?=", "utf-8", "Müller"),
    ],
)
def test_headers_are_readable_whatever_they_are_declared_as(parse, header, charset, shown):
    head = b"From: a@b.c\nMessage-ID: <1@x>\nSubject: " + header
    mail = head + f"\nContent-Type: text/plain; charset={charset}\n\nbody".encode()
    assert _values(parse(mail, "email"))["Subject"] == shown


@pytest.mark.parametrize("before", [b"\r\n", b"\xef\xbb\xbf", b"From x Mon Jan 1\n"])
def test_what_stands_before_the_first_header_is_passed_over(parse, before):
    mail = before + b"From: a@b.c\nSubject: s\n\nthe body"
    assert _values(parse(mail, "email"))["From"] == "a@b.c"


def test_parameters_parts_and_depth_have_limits(parse):
    many = "a=" + "x;b=" * 500_000
    mail = f"From: a@b.c\nMessage-ID: <1@x>\nContent-Type: text/plain; {many}\n\nbody"
    assert parse(mail, "email").text.endswith("body")
    many = "".join(f"To: a{n}@b.c\n" for n in range(50_000))
    assert parse(f"From: a@b.c\nSubject: s\n{many}\nbody", "email").text.endswith("body")
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(200))
    with pytest.raises(Reject, match="inside each other"):
        parse(f"From: a@b.c\nMessage-ID: <1@x>\n{deep}", "email")


def test_every_mail_of_a_folder_is_read_and_is_a_document_of_its_own(tmp_path, parse):
    def mail(subject: str, body: str) -> bytes:
        made = EmailMessage()
        made["From"], made["Subject"] = "a@b.c", subject
        made.set_content(body, cte="base64")
        return made.as_bytes()

    folder = (
        b"From a@b.c Mon Jan  1 00:00:00 2024\n" + mail("one", "first words")
        + b"\n\nFrom a@b.c Tue Jan  2 00:00:00 2024\n" + mail("two", "second words")
    )  # fmt: skip
    text = parse(folder, "email").text
    assert "first words" in text and "second words" in text
    path = tmp_path / "all.mbox"
    path.write_bytes(folder)
    assert inspect_file(path, path.name, ClassifyConfig()).kind == "email"
    assert [file.name for file in mail_attachments(path)] == ["one.eml", "two.eml"]


def test_rich_text_in_a_mail_is_a_file_and_not_shown_as_it_is_written(tmp_path, parse):
    mail = (
        b"Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n"
        b"Content-Type: text/rtf; name=x.rtf\n\n{\\rtf1 words}\n--b--\n"
    )
    assert "rtf1" not in parse(mail, "email").text
    path = tmp_path / "mail"
    path.write_bytes(mail)
    assert [file.name for file in mail_attachments(path)] == ["x.rtf"]
