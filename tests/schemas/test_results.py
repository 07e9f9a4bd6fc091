"""Results of page ranges become one result of the document, and every offset still holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineal_schemas.results import PAGE_SEPARATOR, Engine, Page, TextResult, Word

ENGINES = [Engine(name="parse", version="1"), Engine(name="ocr", version="2", language="eng")]


def part(pages: list[list[str]], first: int, engine: Engine) -> TextResult:
    """A result of ``pages``, each a list of words that stand apart by one space."""
    text = ""
    made: list[Page] = []
    for number, words in enumerate(pages, start=first):
        if made:
            text += PAGE_SEPARATOR
        begin, found = len(text), []
        for index, word in enumerate(words):
            text += " " if index else ""
            start = len(text)
            text += word
            found.append(Word(start, len(text), 1.0, 0.0, 0.0, 0.1, 0.1, 0))
        made.append(
            Page(number=number, begin=begin, end=len(text), width=1, height=1, source="parse",
                 words=tuple(found))
        )  # fmt: skip
    return TextResult(engines=(engine,), text=text, pages=tuple(made))


WORDS = st.lists(st.text("aé😀", min_size=1, max_size=3), max_size=3)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=4), st.data())
def test_every_word_is_where_its_offsets_say(
    ranges: list[list[list[str]]], data: st.DataObject
) -> None:
    parts, first = [], 1
    for pages in ranges:
        parts.append(part(pages, first, data.draw(st.sampled_from(ENGINES))))
        first += len(pages)
    whole = TextResult.join(parts)
    expected = [words for pages in ranges for words in pages]
    assert [[whole.text[w.begin : w.end] for w in page.words] for page in whole.pages] == expected
    assert [whole.text[p.begin : p.end] for p in whole.pages] == [" ".join(w) for w in expected]
    assert whole.text.split(PAGE_SEPARATOR) == [" ".join(words) for words in expected]
    assert [page.number for page in whole.pages] == list(range(1, first))
    names = [engine.name for engine in whole.engines]
    assert sorted(names) == sorted({one.engines[0].name for one in parts})


def test_nothing_joined_is_an_empty_result() -> None:
    assert TextResult.join([]) == TextResult(engines=(), text="", pages=())


def test_a_stored_result_reads_back_and_has_stable_bytes() -> None:
    result = part([["grüß", "dich"], []], 1, ENGINES[1])
    assert TextResult.from_gzip(result.to_gzip()) == result
    assert result.to_gzip() == TextResult.from_gzip(result.to_gzip()).to_gzip()


def test_words_are_arrays_on_the_wire() -> None:
    assert (
        '"words":[[0,2,1.0,0.0,0.0,0.1,0.1,0]]' in part([["hi"]], 1, ENGINES[0]).model_dump_json()
    )
