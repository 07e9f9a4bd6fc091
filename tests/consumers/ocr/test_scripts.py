"""Pages in German, French, Japanese, Arabic and other scripts, read in their own language."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from lineal_consumers.ocr import rapidocr
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.languages import installed_languages
from lineal_consumers.ocr.scripts import in_logical_order
from tests.consumers.ocr.conftest import ReadFile

SaveFile = Callable[..., Path]
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
NANUM = Path("/usr/share/fonts/truetype/nanum/NanumGothic.ttf")
IPA = Path("/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf")
PAGES = {
    "deu": """Sehr geehrte Damen und Herren,
wir bestätigen hiermit den Eingang Ihrer Kündigung vom 3. März 2026. Die
Versicherung läuft bis zum Ende des Jahres weiter; für die übrigen Beiträge
erhalten Sie eine gesonderte Abrechnung. Mit freundlichen Grüßen
Jürgen Weiß, Abteilung für Verträge, Königstraße 12, 70173 Stuttgart""",
    "fra": """Madame, Monsieur,
Nous avons bien reçu votre demande du 3 février 2026 et nous vous en
remercions. Après examen de votre dossier, nous sommes heureux de vous
annoncer que votre prêt a été accordé. L'échéancier des remboursements
vous sera envoyé dès que possible. Élodie Lefèvre, Crédit Municipal""",
    "fra-short": """Facture n° 4711
Échéance : 30 février
Élodie Lefèvre
Réglé par chèque""",
    "jpn": """平素は格別のご高配を賜り、厚く御礼申し上げます。
さて、このたび弊社では新しい製品の発売にあたり、
説明会を開催することになりました。会場は東京都千代田区の
本社ビル三階会議室で、開始時刻は午後二時です。
ご多忙のところ恐れ入りますが、ぜひご出席ください。""",
    "kor": """관계자 여러분께
지난 삼월 삼일 보내 주신 편지를 잘 받았으며 감사드립니다.
귀하의 신청은 위원회에서 승인되었습니다. 다음 주 수요일에
서울특별시 강남구 사무실로 오셔서 서류를 받아 가시기 바랍니다""",
    "ara": """السيد المحترم مدير الشركة
نشكركم على رسالتكم التي وصلتنا في الأسبوع الماضي ونود أن نعلمكم
أن طلبكم قد تمت الموافقة عليه من قبل اللجنة المختصة. يرجى الحضور
إلى مكتبنا في القاهرة يوم الأربعاء القادم لاستلام الوثائق المطلوبة""",
    "heb": """לכבוד מנהל החברה
אנו מודים לכם על מכתבכם שהגיע אלינו בשבוע שעבר ורוצים להודיע
לכם כי בקשתכם אושרה על ידי הוועדה. נא להגיע למשרדנו בירושלים
ביום רביעי הבא כדי לקבל את המסמכים הדרושים בתודה מראש""",
    "rus": """Уважаемые господа,
благодарим вас за письмо от третьего марта и сообщаем, что ваша заявка
была одобрена комиссией. Просим вас прийти в наш офис в Москве в среду,
чтобы получить необходимые документы. С уважением, Иванов""",
}


@pytest.fixture
def page_in(as_file: SaveFile) -> Callable[[str], Path]:
    """A page of a language, drawn at 200 dpi."""

    def draw(language: str) -> Path:
        file = {"jpn": IPA, "kor": NANUM}.get(language, DEJAVU)
        if not file.exists():
            pytest.skip(f"no font for {language} on this machine: infra/local/system_packages.sh")
        lines = PAGES[language].split("\n")
        font = ImageFont.truetype(str(file), 30)
        page = Image.new("L", (1500, 240 + 60 * len(lines)), 255)
        pen = ImageDraw.Draw(page)
        for number, line in enumerate(lines):
            if language in ("ara", "heb"):
                pen.text((1400, 120 + 60 * number), line, 0, font, anchor="ra", direction="rtl")
            else:
                pen.text((100, 120 + 60 * number), line, 0, font)
        page.info["dpi"] = (200, 200)
        return as_file(page, f"{language}.png")

    return draw


def need(*languages: str) -> None:
    for language in languages:
        if language not in installed_languages():
            pytest.skip(f"no data of {language} on this machine: infra/local/system_packages.sh")


def errors(text: str, language: str) -> float:
    got, wanted = (re.sub(r"\s+", " ", each).strip() for each in (text, PAGES[language]))
    return Levenshtein.distance(got, wanted) / len(wanted)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_in_the_language_it_is_written_in(
    name: str, page_in: Callable[[str], Path], read_file: ReadFile
) -> None:
    language = name.partition("-")[0]
    need(language)
    read = read_file(page_in(name), "image", config=OcrConfig())
    assert read.page.language == language
    assert errors(read.text, name) < 0.03
    assert read.result.engines[0].language == language


def test_japanese_without_rapidocr_is_read_by_tesseract_without_blanks(
    page_in: Callable[[str], Path], read_file: ReadFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("jpn")
    monkeypatch.setattr(rapidocr, "is_installed", lambda: False)
    read = read_file(page_in("jpn"), "image", config=OcrConfig())
    assert (read.page.language, read.page.engine) == ("jpn", "tesseract")
    assert errors(read.text, "jpn") < 0.05
    assert " " not in read.text
    # Offsets are those of the words all the same.
    assert "".join(read.words()) == re.sub(r"\s", "", read.text)


def test_words_from_right_to_left_keep_figures_and_foreign_letters() -> None:
    assert in_logical_order("ديسلا") == "السيد"
    assert in_logical_order("2026") == "2026"
    assert in_logical_order("2026-ב") == "ב-2026"
    assert in_logical_order("lineal") == "lineal"


@given(st.text(st.sampled_from("אבגדهذا12ab.-"), max_size=12))
def test_no_letter_of_a_word_is_lost_by_turning_it_round(word: str) -> None:
    assert sorted(in_logical_order(word)) == sorted(word)
