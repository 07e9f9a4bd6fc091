"""Texts: clear bytes win over any name, unclear ones go by the name, noise is no text."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_consumers.classify.inspection import inspect_file
from tests.long import examples

HTML = b"<!DOCTYPE html>\n<html><head><title>t</title></head><body><p>hello</p></body></html>"
MAIL = (
    b"Received: from a by b; Mon, 1 Jan 2024 10:00:00 +0000\r\nFrom: a@example.org\r\n"
    b"To: b@example.org\r\nSubject: hello\r\nMIME-Version: 1.0\r\n\r\nHello\r\n"
)
TABLE = b"id,name,amount\n1,Miller,3.50\n2,Smith,4.25\n"
PROSE = b"Dear Sir, thank you, we agree.\nYours, sincerely, and so on.\nA, b\n"


@pytest.mark.parametrize(
    ("data", "name", "kind", "media_type"),
    [
        (PROSE, "letter.txt", "text", "text/plain"),
        (PROSE, "letter", "text", "text/plain"),
        (PROSE, "letter.pdf", "text", "text/plain"),
        (b"# Title\n\nSome *text*\n", "README.md", "markdown", "text/markdown"),
        (b"# Title\n\nSome *text*\n", "README", "text", "text/plain"),
        (b'<p align="center">Logo</p>\n\n# Title\n', "README.md", "markdown", "text/markdown"),
        (HTML, "page.html", "html", "text/html"),
        (HTML, "page.txt", "html", "text/html"),
        (HTML, "page.pdf", "html", "text/html"),
        (b"\xef\xbb\xbf<!-- x -->\n<HTML><body>x</body></HTML>", "x", "html", "text/html"),
        (b"<p>only a fragment</p>", "part.html", "html", "text/html"),
        (b"<p>only a fragment</p>", "part", "text", "text/plain"),
        (b"no tags at all", "odd.html", "text", "text/plain"),
        (TABLE, "table.csv", "sheet", "text/csv"),
        (TABLE, "table", "sheet", "text/csv"),
        (TABLE, "table.docx", "sheet", "text/csv"),
        (TABLE, "table.txt", "text", "text/plain"),
        (b"a\tb\n1\t2\n", "t.tsv", "sheet", "text/tab-separated-values"),
        (b"one column\nonly\n", "list.csv", "sheet", "text/csv"),
        (MAIL, "mail.eml", "email", "message/rfc822"),
        (MAIL, "mail.txt", "email", "message/rfc822"),
        (MAIL, "mail.bin", "email", "message/rfc822"),
        (b"From: a\nTo: b\n\nmemo", "memo.txt", "text", "text/plain"),
        (b"From: a\nTo: b\n\nmemo", "memo.eml", "email", "message/rfc822"),
        (b'{"a": [1, 2]}', "data.json", "text", "text/plain"),
        (b"#!/bin/sh\necho hi\n", "run.sh", "text", "text/plain"),
        (b"<?xml version='1.0'?><a>b</a>", "a.xml", "text", "text/plain"),
    ],
)
def test_texts_are_told_apart(inspect, data, name, kind, media_type):
    found = inspect(data, name)
    assert (found.kind, found.media_type, found.pages) == (kind, media_type, 1)
    assert [part.method for part in found.plan] == ["parse"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "cp1251", "cp932", "gb18030"]
)
def test_text_in_any_encoding_is_text(inspect, encoding):
    text = {
        "cp1252": "Größe, Straße, café",
        "cp1251": "Привет, это обычный текст",
        "cp932": "これは日本語のテキストです",
        "gb18030": "这是一个中文文本文件",
    }.get(encoding, "Größe Привет 日本 😀")
    assert inspect(f"{text}\n".encode(encoding) * 5, "x").kind == "text"


def test_a_mail_that_quotes_a_pdf_is_a_mail(inspect):
    assert inspect(MAIL + b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "mail").kind == "email"


def test_many_comments_before_nothing_are_no_html(inspect):
    assert inspect(b"<!-- x -->" * 2000 + b"plain", "x").kind == "text"


def test_an_empty_file_is_rejected(inspect):
    with pytest.raises(Reject, match="empty"):
        inspect(b"", "letter.pdf")


@pytest.mark.parametrize("seed", range(5))
def test_binary_garbage_is_rejected(inspect, seed):
    with pytest.raises(Reject):
        inspect(random.Random(seed).randbytes(5000), "letter.txt")


def test_text_that_goes_on_as_binary_is_rejected(inspect):
    with pytest.raises(Reject, match="binary"):
        inspect(b"A fine beginning.\n" * 20_000 + bytes(range(100)), "letter.txt")


def test_a_program_is_rejected_by_what_it_is(inspect):
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01\x00\x00\x00" + bytes(200)
    with pytest.raises(Reject, match=r"application/x-\w*exec"):
        inspect(elf, "invoice.pdf")


def test_rich_text_is_a_word_document_although_it_is_ascii(inspect):
    found = inspect(rb"{\rtf1\ansi hello}", "letter.txt")
    assert (found.kind, found.media_type) == ("word", "application/rtf")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["name\tamount\nMüller\t12,50\n", "東京都の請求書です。支払期限は来月末\n"]
)
def test_utf_16_without_a_mark_is_text(inspect, encoding, text):
    assert inspect(text.encode(encoding), "table.csv").kind == "sheet"


def test_too_much_text_is_rejected(inspect):
    with pytest.raises(Reject, match="too large"):
        inspect(b"hello world\n" * 200, text_bytes=1000)


def test_reasons_hold_nothing_of_the_file(inspect):
    secret = "".join(random.Random(1).choices(string.ascii_letters, k=20))
    for data in (secret.encode() + bytes(range(50)), b"PK\x03\x04" + secret.encode(), b""):
        with pytest.raises(Reject) as caught:
            inspect(data, f"{secret}.docx")
        assert secret not in str(caught.value)


@settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.binary(max_size=300), name=st.text(max_size=12))
def test_any_bytes_under_any_name_are_a_kind_or_rejected(tmp_path, data, name):
    path = tmp_path / "any"
    path.write_bytes(data)
    try:
        found = inspect_file(path, name, ClassifyConfig())
    except Reject as why:
        assert str(why)
    else:
        assert found.pages >= 1


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200))
def test_any_printable_text_is_taken_as_text(tmp_path, text):
    path = tmp_path / "text"
    path.write_text(f"The text: {text}", encoding="utf-8")
    assert inspect_file(path, "a.txt", ClassifyConfig()).kind == "text"


def test_a_text_that_is_filled_up_with_zeros_is_read(inspect):
    assert inspect(b"Walnut 48213-77 in plain words\n" + bytes(600)).kind == "text"
    with pytest.raises(Reject):
        inspect(b"Walnut 48213-77\n" + bytes(600) + b"\x01\x02 goes on")


def test_a_mail_of_apple_mail_is_a_mail(inspect):
    mail = "1234\nFrom: a@b.c\nSubject: x\nMessage-ID: <1@x>\n\nbody\n"
    assert inspect(mail.encode(), "a").kind == "email"
    assert inspect(mail.encode(), "a.emlx").kind == "email"


def test_documents_of_word_in_one_xml_file_are_documents(inspect):
    start = '<?xml version="1.0"?>\n<?mso-application progid="Word.Document"?>\n'
    for root in (
        '<pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">',
        '<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">',
    ):
        assert inspect(f"{start}{root}".encode(), "a.xml").kind == "word"
    assert inspect(b"<pkg:package>words</pkg:package>", "a.xml").kind == "text"
