"""Plain text: any encoding, clean characters, nothing lost."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_consumers.ocr.parsers import parse_document
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
    assert parse("\x07be\x00ll\x1b[0m\ttab\x7f", "text").text == "bell[0m\ttab"


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
    ],
)
def test_letters_that_json_and_xml_number_are_shown(parse, written, shown):
    assert parse(written, "text").text == shown
