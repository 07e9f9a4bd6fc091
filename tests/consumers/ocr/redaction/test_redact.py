"""What is redacted is in no pixel, no text and no other part of a copy; the rest stays."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from lineal_consumers.nlp.analysis import analyze_object
from lineal_consumers.nlp.config import NlpConfig
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.reading import read_part
from lineal_consumers.ocr.redaction.config import RedactConfig
from lineal_consumers.ocr.redaction.redact import RedactedCopy, redact_file
from lineal_schemas.documents import (
    DocumentKind,
    DocumentRedactionRequested,
    PageBox,
    PageRange,
)
from lineal_schemas.results import TextResult

NAME, MAIL, IBAN = "Maria Gonzalez", "maria.gonzalez@example.com", "DE89 3704 0044 0532 0130 00"
KEPT = "The weather is fine today and nothing else matters"


def asked(**fields: Any) -> str:
    return DocumentRedactionRequested.model_validate(
        {"document_id": "d", "reason": "a test", "by": "user:ann", "requested_us": 1, **fields}
    ).model_dump_json()


def redacted(
    file: Path, media_type: str, kind: DocumentKind, pages: int = 1, **fields: Any
) -> RedactedCopy:
    """A copy of a file that was read and analysed as the stages do it."""
    method = {"pdf": "text-layer", "image": "ocr"}.get(kind, "parse")
    numbers = PageRange.model_validate({"first": 1, "last": pages, "method": method})
    result = read_part(str(file), kind, numbers, OcrConfig())
    text = TextResult.from_gzip(result).text
    analysis = analyze_object(text.encode(), NlpConfig(), None).data
    return redact_file(str(file), media_type, result, analysis, asked(**fields), RedactConfig())


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PDF that holds a name wherever a PDF can hold it."""
    file = tmp_path_factory.mktemp("letter") / "letter.pdf"
    page = canvas.Canvas(str(file), pagesize=A4)
    page.setTitle(f"Letter of {NAME}")
    page.setAuthor(NAME)
    page.setFont("Helvetica", 12)
    page.drawString(72, 760, f"Dear {NAME},")
    page.drawString(72, 740, f"write to {MAIL} or pay to {IBAN}.")
    page.drawString(72, 720, KEPT)
    page.setFillColorRGB(1, 1, 1)
    page.drawString(72, 600, f"hidden: {NAME}")
    page.bookmarkPage("first")
    page.addOutlineEntry(NAME, "first")
    page.acroForm.textfield(name="name", value=NAME, x=72, y=500, width=200, height=20)
    page.linkURL(f"mailto:{MAIL}", (72, 740, 200, 752))
    page.showPage()
    page.setFont("Helvetica", 12)
    page.drawString(72, 700, f"Signed by {NAME.upper()} in person")
    page.save()
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        pdf.attachments["secret.txt"] = f"{NAME} {IBAN}".encode()
        with pdf.open_metadata() as metadata:
            metadata["dc:title"] = NAME
        pdf.pages[0].obj["/PieceInfo"] = pikepdf.Dictionary(Note=pikepdf.String(NAME))
        pdf.save(file)
    # and an earlier revision behind the present one
    content = file.read_bytes()
    file.write_bytes(content + b"\n% " + NAME.encode() + b"\n%%EOF\n")
    return file


@pytest.fixture(scope="module")
def copy(letter: Path) -> RedactedCopy:
    made = redacted(letter, "application/pdf", "pdf", 2, personal=True, words=[NAME])
    assert made.problem is None
    return made


def test_a_strangers_look_at_every_part_of_the_copy_finds_nothing(copy: RedactedCopy):
    found = copy.data
    with pikepdf.open(io.BytesIO(copy.data)) as pdf:
        for item in pdf.objects:
            found += item.unparse() if not isinstance(item, pikepdf.Stream) else item.read_bytes() \
                if item.get("/Subtype") != "/Image" else b""  # fmt: skip
        assert not pdf.attachments
        assert "/Info" not in pdf.trailer
        assert set(pdf.Root.keys()) <= {"/Type", "/Pages", "/Version"}
    for text in ("gonzalez", "maria", "example.com", "3704", "secret"):
        for encoding in ("utf-8", "utf-16-be", "utf-16-le"):
            assert text.encode(encoding) not in found.lower()


def test_the_rest_of_the_page_can_still_be_read_and_found(copy: RedactedCopy):
    document = pdfium.PdfDocument(copy.data)
    text = " ".join(page.get_textpage().get_text_bounded() for page in document)
    assert re.sub(r"\s+", " ", text).count(KEPT) == 1
    assert "Signed by" in text
    assert "gonzalez" not in text.lower()


@pytest.mark.parametrize(
    "command",
    [["pdftotext", "FILE", "-"], ["mutool", "draw", "-F", "txt", "FILE"], ["exiftool", "FILE"]],
    ids=lambda command: command[0],
)
def test_other_programs_find_nothing_either(copy: RedactedCopy, command, tmp_path: Path):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / "copy.pdf").write_bytes(copy.data)
    filled = [str(tmp_path / "copy.pdf") if part == "FILE" else part for part in command]
    said = subprocess.run(filled, capture_output=True, text=True, check=True).stdout
    assert said.strip()
    assert not re.search("maria|gonzalez|example|3704", said, re.IGNORECASE)


def test_pixels_under_a_box_are_black_and_the_hidden_text_has_one_too(copy: RedactedCopy):
    page = pdfium.PdfDocument(copy.data)[0].render(scale=2).to_pil().convert("L")
    left, top = 2 * 105, 2 * (842 - 770)  # the name in the first line
    assert brightest(page.crop((left, top, left + 120, top + 14))) < 40
    hidden = page.crop((2 * 115, 2 * (842 - 609), 2 * 170, 2 * (842 - 602)))
    assert brightest(hidden) < 40


def brightest(image: Image.Image) -> int:
    """The brightest pixel of a gray image."""
    return int(np.asarray(image).max())


def scan(degrees: float = 0) -> Image.Image:
    """A page as a scanner gives it, turned."""
    file = io.BytesIO()
    page = canvas.Canvas(file, pagesize=(420, 300))
    page.setFont("Helvetica", 14)
    for row, line in enumerate((f"Dear {NAME},", KEPT, "with regards from the whole office")):
        page.drawString(30, 240 - 40 * row, line)
    page.save()
    image: Image.Image = (
        pdfium.PdfDocument(file.getvalue())[0].render(scale=200 / 72).to_pil().convert("L")
    )
    return image.rotate(degrees, expand=True, fillcolor=255)


@pytest.mark.parametrize(
    "degrees", [2, 270, *(pytest.param(each, marks=pytest.mark.long) for each in (0, 90, 180))]
)
def test_an_image_is_redacted_however_it_lies(tmp_path: Path, degrees: float):
    file = tmp_path / "scan.png"
    note = PngImagePlugin.PngInfo()
    note.add_text("Author", NAME)
    scan(degrees).save(file, dpi=(200, 200), pnginfo=note)
    made = redacted(file, "image/png", "image", words=[NAME])
    assert (made.problem, made.media_type) == (None, "image/png")
    assert NAME.encode() not in made.data
    copy = tmp_path / "copy.png"
    copy.write_bytes(made.data)
    with Image.open(copy) as image:
        assert image.info == {}
        image.convert("L").save(copy, dpi=(200, 200))
    again = read_part(
        str(copy), "image", PageRange(first=1, last=1, method="ocr"), OcrConfig()
    )  # fmt: skip
    text = TextResult.from_gzip(again).text.lower()
    assert "gonzalez" not in text
    assert "whole office" in text


def test_a_box_is_painted_where_it_is_said(tmp_path: Path):
    file = tmp_path / "scan.png"
    scan().save(file, dpi=(200, 200))
    box = PageBox(page=1, left=0, top=0.5, width=1, height=0.5)
    made = redacted(file, "image/png", "image", boxes=[box.model_dump()])
    image = Image.open(io.BytesIO(made.data)).convert("L")
    lower = image.crop((0, image.height // 2, image.width, image.height))
    assert brightest(lower) == 0
    assert brightest(image) > 200
    wrong = redacted(file, "image/png", "image", boxes=[{**box.model_dump(), "page": 2}])
    assert wrong.problem == "it has no page 2"
    assert wrong.data == b""


def test_a_csv_keeps_its_columns_and_gives_the_same_person_the_same_name(tmp_path: Path):
    file = tmp_path / "cases.csv"
    file.write_text(
        "name,mail,town\nMaria Gonzalez,maria.gonzalez@example.com,Berlin\n"
        "John Smith,,Paris\nmaria  gonzalez,,Rome\n"
    )
    fields: dict[str, Any] = {"words": [NAME, MAIL, "John Smith"], "pseudonyms": True}
    made = redacted(file, "text/csv", "text", **fields)
    rows = [line.split(",") for line in made.data.decode().splitlines()]
    assert made.media_type == "text/csv"
    assert [row[2] for row in rows] == ["town", "Berlin", "Paris", "Rome"]
    assert rows[1][0] == rows[3][0] != rows[2][0]
    file.write_text(file.read_text() + "Gonzalez;Maria,and Maria,Gonzalez,x\n")
    masked = redacted(file, "text/csv", "text", words=[NAME]).data.decode()
    assert "\u2588\u2588\u2588\u2588\u2588 \u2588" in masked
    assert "John Smith" in masked
    assert masked.splitlines()[-1].count(",") == 3, "a name in two cells"
    assert not re.search("maria.gonzalez", masked, re.IGNORECASE)


@pytest.mark.parametrize(
    "written",
    [
        "Maria\u200b Gonz\u200balez",
        "Maria Gonza\u00adlez",
        "Maria Gonza-\nlez",
        "\uff2d\uff41\uff52\uff49\uff41 Gonzalez",
        "Maria\u00a0GONZALEZ",
        "maria_gonzalez",
        "Mar\u0301ia Gonzalez",
    ],
)
def test_a_name_is_gone_however_it_is_written(written: str, tmp_path: Path):
    file = tmp_path / "note.txt"
    file.write_text(f"To {written}. {KEPT}. Yours, {NAME}")
    made = redacted(file, "text/plain", "text", words=[NAME])
    assert made.problem is None
    left = made.data.decode()
    assert KEPT in left
    assert set(left.split(". ")[0].split("To ")[1]) <= set("\N{FULL BLOCK} _\n\u00a0")


@pytest.mark.parametrize(("name", "written"), [("José Groß", "Jose\u0301 GROSS"), ("Jos", "Jos")])
def test_letters_of_two_characters_are_the_same(name: str, written: str, tmp_path: Path):
    file = tmp_path / "note.txt"
    file.write_text(f"{written} and {name}, not Joseph")
    made = redacted(file, "text/plain", "text", words=[name])
    assert made.problem is None
    assert "os" not in made.data.decode().replace("Joseph", "")
    assert "Joseph" in made.data.decode()


def test_what_is_not_there_is_said(tmp_path: Path):
    file = tmp_path / "note.txt"
    file.write_text("nothing of interest")
    made = redacted(file, "text/plain", "text", words=["Maria"])
    assert (made.data, made.problem) == (b"", "nothing that was asked for is in the document")
    boxes = [PageBox(page=1, left=0, top=0, width=1, height=1).model_dump()]
    assert "no pages" in (redacted(file, "text/plain", "text", boxes=boxes).problem or "")


WORDS = st.lists(st.from_regex(r"[a-z]{3,9}[0-9]?", fullmatch=True), min_size=1, max_size=30)


@given(WORDS, st.data())
def test_of_a_text_exactly_what_is_named_is_gone(words: list[str], data: st.DataObject):
    named = data.draw(st.lists(st.sampled_from(words), unique=True, min_size=1))
    text = " ".join(
        data.draw(st.sampled_from([word, word.upper(), word.title()])) for word in words
    )
    result = TextResult(engines=(), text=text, pages=())
    made = redact_file(
        "/dev/null",
        "application/x-other",
        result.to_gzip(),
        None,
        asked(words=named),
        RedactConfig(),
    )
    left = re.findall(r"\w+", made.data.decode().lower())
    assert made.problem is None
    assert left == [word for word in words if word not in named]
