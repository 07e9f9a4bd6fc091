"""Text layers: languages and figures are believed, noise and broken fonts are not."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.classify.text_layer import Layer, grade

LANGUAGES = {
    "english": "The committee met on Tuesday to discuss the annual report and the figures for May.",
    "german": "Der Ausschuss traf sich am Dienstag, um den Jahresbericht und die Zahlen zu prüfen.",
    "french": "Le comité s'est réuni mardi afin d'étudier le rapport annuel et les chiffres.",
    "polish": "Komisja zebrała się we wtorek, aby omówić roczne sprawozdanie i przyjąć wyniki.",
    "czech": "Výbor se sešel v úterý, aby projednal výroční zprávu a schválil čísla za květen.",
    "turkish": "Kurul yıllık raporu ve mayıs ayı rakamlarını görüşmek üzere salı günü toplandı.",
    "finnish": "Valiokunta kokoontui tiistaina keskustelemaan vuosikertomuksesta ja luvuista.",
    "vietnamese": "Ủy ban đã họp vào thứ Ba để thảo luận về báo cáo thường niên và các số liệu.",
    "russian": "Комитет собрался во вторник, чтобы обсудить годовой отчёт и показатели.",
    "greek": "Η επιτροπή συνεδρίασε την Τρίτη για να συζητήσει την ετήσια έκθεση.",
    "arabic": "اجتمعت اللجنة يوم الثلاثاء لمناقشة التقرير السنوي والأرقام الخاصة بشهر مايو.",
    "hebrew": "הוועדה התכנסה ביום שלישי כדי לדון בדוח השנתי ובנתונים לחודש מאי.",
    "hindi": "समिति की बैठक मंगलवार को वार्षिक रिपोर्ट और मई के आंकड़ों पर चर्चा के लिए हुई।",
    "thai": "คณะกรรมการประชุมเมื่อวันอังคารเพื่อหารือเกี่ยวกับรายงานประจำปีและตัวเลขเดือนพฤษภาคม",
    "chinese": "委员会于星期二开会，讨论年度报告以及五月份的数字，并同意公布结果。",
    "japanese": "委員会は火曜日に会合を開き、年次報告書と五月の数字について議論しました。",
    "korean": "위원회는 화요일에 모여 연례 보고서와 오월의 수치에 대해 논의했습니다.",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_prose_in_any_language_is_good(language):
    assert grade((LANGUAGES[language] + "\n") * 8, 0.0)[0] is Layer.GOOD


def test_figures_are_good():
    rows = "\n".join(f"2024-05-{day:02} {day * 137:,}.50 EUR {day}%" for day in range(1, 31))
    assert grade(rows, 0.0)[0] is Layer.GOOD


def test_upper_case_is_as_good_as_lower_case():
    assert grade((LANGUAGES["english"].upper() + "\n") * 8, 0.0)[0] is Layer.GOOD


@pytest.mark.parametrize("seed", range(5))
def test_random_letters_are_not_trusted(seed):
    letters = random.Random(seed).choices(string.ascii_lowercase + " ", k=600)
    assert grade("".join(letters), 0.0)[0] is not Layer.GOOD


def test_single_letters_are_not_trusted():
    assert grade(" ".join(LANGUAGES["english"].replace(" ", "") * 3), 0.0)[0] is Layer.POOR


def test_private_characters_are_garbage_but_bullets_are_not():
    assert grade("".join(map(chr, range(0xF020, 0xF0A0))), 0.0)[0] is Layer.GARBAGE
    bullets = "\n".join(f"\uf0b7 {text}" for text in LANGUAGES.values())
    assert grade(bullets, 0.0)[0] is Layer.GOOD


def test_a_font_without_a_map_is_garbage_whatever_its_characters():
    assert grade(LANGUAGES["english"], 0.9)[0] is Layer.GARBAGE


def test_blanks_are_not_visible():
    assert grade(" \r\n\t\xa0\x02", 0.0) == (Layer.POOR, 0)


@given(st.text(max_size=300), st.floats(0, 1))
def test_any_text_can_be_graded(text, unmapped):
    layer, visible = grade(text, unmapped)
    assert isinstance(layer, Layer)
    assert 0 <= visible <= len(text)
