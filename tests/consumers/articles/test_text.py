"""What is read of an article, and how it is spoken."""

from __future__ import annotations

import pytest

from lineal_consumers.articles.abbreviations import in_words
from lineal_consumers.articles.blocks import Run, read_article
from lineal_consumers.articles.sentences import sentences_of
from lineal_schemas.articles import Language

MARKDOWN = b"""# A title

Dr. Smith came at 2026-11-30. He paid $5, e.g. for tea & cake.

- first item
- second **item**

```
code = 1
```

> A word <say-as interpret-as="characters">PDF</say-as> that is quoted.
"""


def test_markdown_is_read_in_order_without_code() -> None:
    article = read_article(MARKDOWN, "text/markdown")
    read = [(b.kind, " ".join("".join(r.text for r in b.runs).split())) for b in article.blocks]
    assert read == [
        ("heading", "A title"),
        ("paragraph", "Dr. Smith came at 2026-11-30. He paid $5, e.g. for tea & cake."),
        ("item", "first item"),
        ("item", "second item"),
        ("quotation", "A word PDF that is quoted."),
    ]
    assert article.left_out == 1


def test_html_is_read_without_what_is_no_text() -> None:
    page = (
        b"<html><head><title>x</title></head><body><nav>menu</nav><h2>Head</h2>loose"
        b"<p>One.</p><script>x</script><ul><li>two<ul><li>three</li></ul></li></ul></body></html>"
    )
    article = read_article(page, "text/html; charset=utf-8")
    assert [(b.kind, b.runs[0].text) for b in article.blocks] == [
        ("heading", "Head"), ("paragraph", "loose"), ("paragraph", "One."), ("item", "two"),
        ("item", "three"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en", "pages 10-20, e.g. 3–4", "pages 10 to 20, for example 3 to 4"),
        ("en", "$5 or 7 €", "5 dollars or 7 euros"),
        ("en", "on 2026-11-30", "on November 30, 2026"),
        ("en", "call 555-1234-567", "call 555-1234-567"),
        ("en", "see https://www.example.org/a?b=c now", "see example.org now"),
        ("de", "z. B. 10–20 km, usw.", "zum Beispiel 10 bis 20 km, und so weiter"),
        ("de", "am 2026-03-01 um 5 €", "am 1. März 2026 um 5 Euro"),
        ("en", "2026-99-99", "2026-99-99"),
    ],
)
def test_what_is_written_short_is_spoken_in_words(
    language: Language, written: str, spoken: str
) -> None:
    assert in_words(written, language) == spoken


def test_sentences_end_neither_at_abbreviations_nor_at_initials() -> None:
    text = "Dr. Smith met J. Doe. They talked, e.g. of tea. Was it 5 p.m.? Yes!"
    found = sentences_of([Run(text)], "en", {})
    assert [one.text for one in found] == [
        "Dr. Smith met J. Doe.", "They talked, e.g. of tea.", "Was it 5 p.m.?", "Yes!",
    ]  # fmt: skip
    german = sentences_of([Run("Am 3. Oktober z. B. in Bonn. Dann ging er.")], "de", {})
    assert [one.text for one in german] == ["Am 3. Oktober z. B. in Bonn.", "Dann ging er."]


def test_the_lexicon_and_ssml_say_how_words_are_spoken() -> None:
    runs = [
        Run("Use SQLite <now> "), Run("HTTP", "say-as", (("interpret-as", "characters"),)),
        Run("", "break", (("time", "99s"),)), Run("x", "sub", (("alias", 'a "b"'),)),
        Run("y", "say-as", (("interpret-as", "expletive"),)),
    ]  # fmt: skip
    (sentence,) = sentences_of(runs, "en", {"SQLite": "S Q L light"})
    assert sentence.text == "Use SQLite <now> HTTPxy"
    assert '<sub alias="S Q L light">SQLite</sub> &lt;now&gt;' in sentence.ssml
    assert '<say-as interpret-as="characters">HTTP</say-as>' in sentence.ssml
    assert '<break time="500ms"/>' in sentence.ssml
    assert "expletive" not in sentence.ssml
