"""The language of a text, and knowing when it cannot be told."""

from __future__ import annotations

import pytest

from lineal_consumers.nlp.language import LangidDetector

SENTENCES = {
    "en": "The committee will meet on Tuesday to discuss the annual report with the members.",
    "de": "Der Ausschuss wird am Dienstag zusammentreten, um den Jahresbericht zu besprechen.",
    "fr": "Le comité se réunira mardi pour discuter du rapport annuel avec les membres.",
    "es": "El comité se reunirá el martes para discutir el informe anual con los miembros.",
    "it": "Il comitato si riunirà martedì per discutere la relazione annuale con i membri.",
    "nl": "De commissie komt dinsdag bijeen om het jaarverslag met de leden te bespreken.",
    "pl": "Komisja zbierze się we wtorek, aby omówić roczne sprawozdanie z członkami.",
    "ru": "Комитет соберётся во вторник, чтобы обсудить годовой отчёт с участниками.",
    "ja": "委員会は火曜日に集まり、年次報告書について話し合います。",
    "ar": "ستجتمع اللجنة يوم الثلاثاء لمناقشة التقرير السنوي مع الأعضاء.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_enough(language: str) -> None:
    found, confidence = LangidDetector().detect(SENTENCES[language])
    assert found == language
    assert 0.3 < confidence <= 1


@pytest.mark.parametrize("text", ["", "12345 67 89", "--- *** ---", "x"])
def test_what_cannot_be_told_is_undetermined(text: str) -> None:
    assert LangidDetector().detect(text)[0] == "und"


def test_a_long_text_is_graded_by_more_than_its_beginning() -> None:
    text = "1.00 2.00 3.00\n" * 60 + SENTENCES["fr"] * 200
    assert LangidDetector().detect(text)[0] == "fr"
