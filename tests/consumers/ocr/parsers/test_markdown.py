"""Markdown: what a reader of the rendered page sees."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineal_consumers.ocr.parsers.markdown import read_markdown
from tests.long import examples


def test_marks_are_gone_and_words_are_kept(parse):
    source = "# Annual *report*\n\nSee [the site](https://x.org) and `code`.\n\n![a chart](c.png)\n"
    assert parse(source, "markdown").text == "Annual report\n\nSee the site and code.\n\na chart"


def test_lists_quotes_and_code_are_lines(parse):
    source = "- one\n- two\n  - three\n\n> said\n\n```py\nx = 1\ny = 2\n```\n"
    assert parse(source, "markdown").text == "one\ntwo\nthree\n\nsaid\n\nx = 1\ny = 2"


def test_tables_are_tables_and_text(parse):
    result = parse("| Item | Price |\n|---|---:|\n| **Tea** | 3 |\n", "markdown")
    assert result.pages[0].tables[0].rows == (("Item", "Price"), ("Tea", "3"))
    assert result.text == "Item\tPrice\nTea\t3"


def test_front_matter_gives_key_values(parse):
    result = parse('---\ntitle: "A plan"\ndate: 2024-05-01\n---\n# Plan\n', "markdown")
    assert [(kv.key, kv.value) for kv in result.pages[0].key_values] == [
        ("title", "A plan"),
        ("date", "2024-05-01"),
    ]
    assert result.text.endswith("Plan")


def test_html_inside_is_read_as_html(parse):
    source = "<div>shown<script>not()</script></div>\n\nline<br>break\n"
    assert parse(source, "markdown").text == "shown\nline\nbreak"


def test_very_long_texts_are_taken_as_they_are(tmp_path):
    path = tmp_path / "text"
    path.write_text("# A title\n\ntext")
    assert read_markdown(path, max_characters=10).pages[0].text == "# A title\n\ntext"


@settings(
    max_examples=examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=30))
def test_no_plain_word_is_lost(parse, words):
    assert parse(" ".join(words), "markdown").text.split() == words


def test_marks_that_are_never_closed_cost_no_more_than_text(parse):
    assert parse("[" * 100_000 + "end", "markdown").text.endswith("end")


def test_pictures_inside_the_text_are_taken(tmp_path):
    path = tmp_path / "text"
    path.write_text(
        "![a](data:image/png;base64,b25l) <img src='data:image/png;base64,dHdv'>\n\n"
        "<div><img src='data:image/png;base64,dGhyZWU='></div>\n"
    )
    (page,) = read_markdown(path).pages
    assert [picture.data for picture in page.pictures] == [b"one", b"two", b"three"]
