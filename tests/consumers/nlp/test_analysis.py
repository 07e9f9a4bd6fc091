"""The analysis as a whole: offsets hold, nothing spans pages, any text is survived."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineal.stages import Reject
from lineal_consumers.nlp.analysis import analyze_object, analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_schemas.results import PAGE_SEPARATOR, Analysis
from tests.long import examples

CONFIG = NlpConfig()

LETTER = """Acme Tools Ltd.
123 Main Street, Springfield, IL 62704
Phone: (217) 555-0143

March 5, 2024

Dear Mr. Okonkwo,

thank you for your payment of $1,250.00 by card 4111 1111 1111 1111. Please write to
billing@example.org when you have questions about this payment or the next one.

Sincerely,
Linda Olsen
"""


def test_every_occurrence_shows_what_was_found() -> None:
    text = PAGE_SEPARATOR.join(["Ünïcode 😀 first " + LETTER, LETTER, "", LETTER])
    analysis = analyze_text(text, CONFIG)
    assert {"ORGANIZATION", "ADDRESS", "PHONE", "DATE", "PERSON", "MONEY", "EMAIL"} <= {
        entity.type for entity in analysis.entities
    }
    for entity in analysis.entities:
        if entity.type in ("EMAIL", "PHONE", "ADDRESS", "DATE", "MONEY", "CREDIT_CARD"):
            shown = [text[place.begin : place.end] for place in entity.occurrences]
            assert shown == [entity.text] * 3


def test_an_entity_never_spans_pages() -> None:
    halves = "call 617-555-\f0123, write to ann@exam\fple.org, IBAN DE89 3704 0044\f0532 0130 00"
    found = {entity.type for entity in analyze_text(halves, CONFIG).entities}
    assert found.isdisjoint({"EMAIL", "PHONE", "IBAN"})


def test_the_same_text_gives_the_same_bytes() -> None:
    first, second = (analyze_object(LETTER.encode(), CONFIG) for _ in range(2))
    assert first == second


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import sys, hashlib; from lineal_consumers.nlp.analysis import analyze_object;"
        "from lineal_consumers.nlp.config import NlpConfig;"
        "data = analyze_object(sys.stdin.buffer.read(), NlpConfig()).data;"
        "print(hashlib.sha256(data).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=LETTER.encode(),
            stdout=subprocess.PIPE,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_and_hard_spaces_change_nothing_but_offsets(end: str) -> None:
    other = LETTER.replace("\n", end).replace("Linda Olsen", "Linda\u00a0Olsen")
    found = [(e.type, e.value) for e in analyze_text(LETTER, CONFIG).entities]
    assert [(e.type, e.value) for e in analyze_text(other, CONFIG).entities] == found


def test_a_stored_analysis_is_read_back_and_agrees_with_its_summary() -> None:
    stored = analyze_object(LETTER.encode(), CONFIG)
    analysis = Analysis.from_gzip(stored.data)
    assert analysis == analyze_text(LETTER, CONFIG)
    assert stored.personal_data
    assert stored.language == analysis.language == "en"
    assert stored.document_class == analysis.document_class.name == "letter"


def test_a_text_without_personal_data_says_so() -> None:
    assert not analyze_object(b"The rain falls on 2024-03-05.", CONFIG).personal_data


def test_bytes_that_are_no_text_are_rejected() -> None:
    with pytest.raises(Reject, match="not UTF-8"):
        analyze_object(b"abc\xff\xfe", CONFIG)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\f", "\f\f\f", "\x00", "\u200b"])
def test_nothing_is_found_in_nothing(text: str) -> None:
    analysis = analyze_text(text, CONFIG)
    assert (analysis.entities, analysis.key_phrases, analysis.language) == ((), (), "und")
    assert analysis.document_class.name == "other"


def test_every_engine_can_be_switched_off() -> None:
    config = NlpConfig(
        language="none", key_phrases="none", document_class="none", entities=(), personal_data=()
    )
    analysis = analyze_text(LETTER, config)
    assert (analysis.entities, analysis.key_phrases, analysis.language) == ((), (), "und")
    assert analysis.document_class.name == "other"


def test_without_the_personal_engines_no_personal_data_is_found() -> None:
    analysis = analyze_text(LETTER, NlpConfig(personal_data=()))
    assert not any(entity.personal for entity in analysis.entities)
    assert any(entity.type == "MONEY" for entity in analysis.entities)


@settings(max_examples=examples(150))
@given(
    st.lists(
        st.one_of(
            st.text(max_size=40),
            st.sampled_from(LETTER.split()),
            st.sampled_from(["\n", " ", "\f", "\t", ": ", "@", "+1 ", "$", "-", "2024", "March "]),
        ),
        max_size=40,
    )
)
def test_any_text_is_survived_and_its_offsets_hold(pieces: list[str]) -> None:
    text = "".join(pieces)
    analysis = analyze_text(text, CONFIG)
    for entity in analysis.entities:
        for begin, end, confidence in entity.occurrences:
            assert 0 <= begin < end <= len(text)
            assert PAGE_SEPARATOR not in text[begin:end]
            assert 0 < confidence <= 1
    spans = sorted(
        (place.begin, place.end)
        for entity in analysis.entities
        if entity.type != "URL"
        for place in entity.occurrences
    )
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize(
    "piece",
    [
        "1", "a@", "a", "A. ", " 1", "1-", "a-", "1.", "1,", "(1) ", "www.", "http://a", "::", "a:",
        "\n", " ", "_", "John ", "Jan 1 ", "Mr. Aaaa ", "12 Aaaa St ", "Aa Inc ", "DE89 1234 ",
        "Bank of Aa and Bb of ", "\f", "a:\n", "Regards,\n", "  a", "你好", "😀", "1 rue de la ",
        "Dear Aaaa Bbbb", "\x00\x1b",
    ],
)  # fmt: skip
def test_endless_repetition_does_not_hang(piece: str) -> None:
    # A pattern that backtracks runs for hours on one of these; the suite's timeout finds it.
    analyze_text(piece * (100_000 // len(piece)), CONFIG)


def test_noise_of_all_the_characters_patterns_look_for_does_not_hang() -> None:
    draw = random.Random(5)
    analyze_text("".join(draw.choices("aA19@.:-/ $\n(,)+", k=100_000)), CONFIG)


def test_a_document_of_2000_pages_is_analysed_whole() -> None:
    page = "Nothing of note stands here, but a fair number of words does.\n" * 5
    pages = [page] * 2_000
    pages[1_999] += "last@example.org"
    analysis = analyze_text(PAGE_SEPARATOR.join(pages), CONFIG)
    assert [entity.text for entity in analysis.entities] == ["last@example.org"]
    assert analysis.language == "en"


def test_a_page_without_end_is_looked_at_to_its_end() -> None:
    text = "lorem ipsum dolor sit amet " * 20_000 + "ann@example.org"
    assert [e.text for e in analyze_text(text, CONFIG).entities] == ["ann@example.org"]


def test_the_result_is_gzipped_json() -> None:
    assert gzip.decompress(analyze_object(b"hello", CONFIG).data).startswith(b"{")
