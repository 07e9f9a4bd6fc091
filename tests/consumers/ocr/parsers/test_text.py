"""Plain text: any encoding, clean characters, nothing lost."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_consumers.ocr.parsers import parse_document
from lineal_consumers.ocr.parsers.content_lines import readable_lines
from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.parsed import Parsed, ParsedPage, engine
from lineal_schemas.documents import PageRange
from tests.long import examples


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Größe Привет 日本 😀"),
        ("utf-8-sig", "Größe Привет 日本 😀"),
        ("utf-16", "Größe Привет 日本 😀"),
        ("utf-32", "Größe Привет 日本 😀"),
        ("cp1252", "Café"),
        ("cp1252", "Größe für München – “fein”"),
        ("cp1252", "Señor Muñoz, mañana por la mañana iré a la oficina"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
        ("cp1251", "Привет, это обычный русский текст для проверки"),
        ("cp1253", "Αυτό είναι ένα ελληνικό κείμενο"),
        ("koi8_r", "Привет, это обычный текст"),
        ("cp932", "これは日本語のテキストです。文字コードの確認"),
        ("iso2022_jp", "東京都港区の請求書番号 4711 合計金額"),
        ("hz", "本合同由北京供应商与上海采购方签订"),
        ("iso8859_15", "L'œuvre coûte 20 € et le cœur"),
        ("iso8859_6", "رقم الفاتورة يجب الدفع قبل نهاية الشهر"),
        ("mac_latin2", "Zażółć gęślą jaźń do końca miesiąca"),
        ("cp1252", "2½ Tassen Öl, ¾ Stück für später"),
        ("gb18030", "这是一个用于检测编码的中文文本文件"),
        ("gb18030", "发票号码 48213 有限公司付款"),
        ("big5", "發票號碼 48213 有限公司付款通知"),
    ],
)
def test_text_is_read_in_its_encoding(parse, encoding, text):
    assert parse(f"{text}\n".encode(encoding), "text").text == text


def test_an_encoding_that_shows_late_is_found(parse):
    text = "plain ascii line\n" * 50_000 + "Schöne Grüße aus München"
    assert parse(text.encode("cp1252"), "text").text == text


def test_one_stray_byte_does_not_cost_the_rest(parse):
    text = parse("naïve café façade\n".encode() * 20 + b"\xff end", "text").text
    assert text.startswith("naïve café façade\n") and text.endswith("end")


def test_line_breaks_become_newlines_and_form_feeds_do_not_make_pages(parse):
    assert parse("a\r\nb\rc\fd\x0be\u2028f", "text").text == "a\nb\nc\nd\ne\nf"


def test_control_characters_are_left_out(parse):
    assert parse("\x07be\x00ll\x1b[0m\ttab\x7f", "text").text == "bell\ttab"


def test_ligatures_and_astral_characters_are_kept(parse):
    assert parse("ﬁnd 𝒳 👩‍👩‍👧 e\u0301", "text").text == "ﬁnd 𝒳 👩‍👩‍👧 e\u0301"


def test_too_much_text_is_rejected():
    read = Parsed(engine("test"), [ParsedPage("x" * 60), ParsedPage("x" * 41)])
    with pytest.raises(Reject, match="too much text: at most 100 characters"):
        read.result(max_characters=100)


def test_pages_that_a_file_does_not_have_are_empty(parse):
    result = parse("a,b\n1,2\n", "sheet", pages=3)
    assert [page.begin == page.end for page in result.pages] == [False, True, True]


def test_a_later_page_keeps_its_number(tmp_path):
    path = tmp_path / "text"
    path.write_text("only page")
    result = parse_document(path, "text", PageRange(first=2, last=2, method="parse"))
    assert [(page.number, result.text) for page in result.pages] == [(2, "")]


def test_a_kind_without_a_parser_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="pdf"):
        parse_document(tmp_path, "pdf", PageRange(first=1, last=1, method="parse"))


@given(st.binary(max_size=400))
def test_any_bytes_decode(data):
    text, encoding = decode(data)
    assert isinstance(text, str) and encoding


@given(st.text(max_size=300))
def test_utf8_is_never_mistaken(text):
    assert decode(text.encode())[1] in ("utf-8", "utf-8-sig")


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(["text", "markdown", "html", "sheet", "email", "word"]),
    data=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
)
def test_any_bytes_are_read_or_rejected(parse, kind, data):
    try:
        parse(data, kind)
    except Reject as why:
        assert str(why)


@pytest.mark.parametrize("kind", ["text", "markdown", "html", "sheet", "email"])
def test_noise_is_read_or_rejected(parse, kind):
    try:
        parse(random.Random(kind).randbytes(20_000), kind)
    except Reject as why:
        assert str(why)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r'{"a": "M\u00fcller \ud83d\ude00 \u0022"}', r'{"a": "Müller 😀 \u0022"}'),
        (r'{"path": "C:\\u00fcbung"}', r'{"path": "C:\\u00fcbung"}'),
        (r'["\ud83d"]', r'["\ud83d"]'),
        ("<a>M&#252;ller &#x65e5;&#38; &#60;</a>", "<a>Müller 日&#38; &#60;</a>"),
        (r"prose of \u00fc and &#252;", r"prose of \u00fc and &#252;"),
        (r'{"a": "one\ntwo\tthree\\new"}', '{"a": "one\ntwo three\\\\new"}'),
        (r"title = M\u00fcller", "title = Müller"),
        (r'10:02 sent {"name": "M\u00fcller"}', '10:02 sent {"name": "Müller"}'),
    ],
)
def test_letters_that_json_and_xml_number_are_shown(parse, written, shown):
    assert parse(written, "text").text == shown


def test_what_a_terminal_is_told_divides_no_words(parse):
    text = "\x1b]0;title\x07\x1b[1;31mERROR\x1b[0m failed\nN\x08Na\x08am\x08me\x08e _\x08d_\x08ir\n"
    assert parse(text + "and so on, with many more words\n" * 3, "text").text.splitlines()[:2] == [
        "ERROR failed", "Name dir",
    ]  # fmt: skip


def test_lines_in_two_encodings_are_read(parse):
    lines = ["Müller;12", "Köhler;9", "Schäfer;1", "Größer;2"]
    data = b"\n".join(line.encode("cp1252" if "K" in line else "utf-8") for line in lines)
    for mark in (b"", b"\xef\xbb\xbf"):
        result = parse(mark + data, "text")
        assert result.text.splitlines() == lines
        assert result.pages[0].doubts == ()


def test_chinese_letters_that_could_be_utf8_are_chinese(parse):
    """As each cell of one letter, of which one in seven could be."""
    text = "\n".join(f"{number},女,有限公司" for number in range(20))
    assert parse(text.encode("gb18030"), "text").text == text
    words = "\n".join(f"{number},{'男女'[number % 2]}" for number in range(20)).encode("gb18030")
    assert "Ů" not in decode(words)[0]


def test_a_text_of_a_mainframe_is_read(parse):
    text = "NAME,AMOUNT\nSMITH AND CO,12\nBAKER,13"
    result = parse(text.encode("cp500"), "text")
    assert (result.text, result.engines[0].parameters["encoding"]) == (text, "cp500")


def test_bytes_that_are_no_text_are_a_doubt(parse):
    text = "Größe über alles, schöne Grüße aus Köln, und so weiter für immer " * 4
    data = text.encode().replace(b"alles", b"al\xffles", 1)
    [doubt] = parse(data, "text").pages[0].doubts
    assert doubt.startswith("1 characters are no text")
    assert parse(f"{text}\ufffd", "text").pages[0].doubts == ()


def test_calendars_and_cards_are_read_with_their_lines_whole(parse):
    calendar = (
        "BEGIN:VCALENDAR\r\nSUMMARY:Dinner of the northern socie\r\n ty\r\n"
        "DESCRIPTION:First line\\nSecond line\\, and more\r\nEND:VCALENDAR\r\n"
    )
    assert parse(calendar, "text").text.splitlines()[1:4] == [
        "SUMMARY:Dinner of the northern society", "DESCRIPTION:First line", "Second line, and more",
    ]  # fmt: skip
    card = (
        "BEGIN:VCARD\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BCll=\r\ner\r\n"
        "KEY;ENCODING=B:AAAA\r\nitem1.PHOTO;ENCODING=b;TYPE=PNG:cGl4\r\n ZWxz\r\nEND:VCARD\r\n"
    )
    assert parse(card, "text").text.splitlines()[1].endswith(":Jörg Müller")
    assert [picture.data for picture in readable_lines(card)[1]] == [b"pixels"]
