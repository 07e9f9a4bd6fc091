"""The page on outputs is run as it stands, and its table lists the forms that there are."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from lineal_catalog.documents.made_renditions import rendition_makers
from lineal_catalog.documents.renditions import RENDITIONS
from tests.cli.processes import lineal, running

PAGE = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text()
_LINES = (
    "Invoice number: 4711",
    "Invoice date: 5 March 2026",
    "The turbine of the wind farm was repaired in March.",
    "Please pay this invoice within a month after repair.",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = Image.new("L", (1240, 800), 255)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=40)
    for row, line in enumerate(_LINES):
        pen.text((80, 80 + 120 * row), line, fill=0, font=font)
    page.save(tmp_path / "invoice.png", dpi=(150, 150))
    return tmp_path


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for line in "".join(blocks).splitlines() if line.startswith("lineal ")]


def test_the_page_works_as_it_stands(folder: Path) -> None:
    answers = {}
    with running(folder, "up", "--port", "0") as daemon:
        daemon.line(lambda line: True)
        for line in commands():
            words = shlex.split(line, comments=True)[1:]
            if words[0] == "put":
                words += ["--label", "year=2026"]
            done = lineal(folder, *words)
            assert done.returncode == 0, f"{line}: {done.stderr}"
            answers[line.partition("#")[0].strip()] = done.stdout
    assert (folder / "archive.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert 'CONTENT="4711"' in (folder / "invoice.alto.xml").read_text()
    assert json.loads((folder / "invoice.textract.json").read_text())["Blocks"]
    assert "4711" in answers["lineal show invoice.png --as hocr"]
    assert json.loads(answers["lineal show invoice.png --as page"])["number"] == 1
    with Image.open(folder / "page.png") as image:
        assert image.width == 800
    with Image.open(folder / "small.webp") as image:
        assert image.width == 256
    report = json.loads(answers["lineal summarize --label year=2026 --json"])
    assert [item["date"] for item in report["chronology"]] == ["2026-03-05"]
    assert report["summary"][0]["name"] == "invoice.png"


def test_the_page_lists_the_forms_that_there_are() -> None:
    listed = set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE))
    assert {*RENDITIONS, *rendition_makers()} == listed
