"""What was recorded in English is said in the language of who reads it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from lineal_console.messages import load_messages
from lineal_console.page import installed_pages
from lineal_console.recorded import RecordedSentences
from lineal_producers.notifications import conditions

GERMAN = RecordedSentences(load_messages("de", ("lineal_console",)))
ENGLISH = RecordedSentences(load_messages("en", ("lineal_console",)))
SHOWN = {
    "lineal": ("",),
    "lineal_catalog": ("",),
    "lineal_consumers": ("",),
    "lineal_producers": ("",),
}
"""Packages, and their folders, whose reasons and doubts people see."""
NOT_SHOWN = ("archival", "page_view.py")
"""Why a form of a document cannot be given out: answers to HTTP, that are no records."""


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ("the file is empty", "die Datei ist leer"),
        ("the PDF has 9,001 pages, at most 5,000 are read",
         "das PDF hat 9,001 Seiten, höchstens 5,000 werden gelesen"),
        ("number: it is required, and was not found", "Nummer: verlangt und nicht gefunden"),
        ("iban: its check digits are wrong (iban); not sure",
         "IBAN: die Prüfziffern sind falsch (IBAN); nicht sicher"),
        ("picture 3: two engines read different figures",
         "Bild 3: zwei Verfahren lesen verschiedene Ziffern"),
        ("over: 1 item waits for a person (1 doubt)",
         "vorbei: 1 Eintrag wartet auf einen Menschen (1 doubt)"),
        ("the rollout r1 was aborted: too many of its devices failed",
         "die Verteilung r1 wurde abgebrochen: auf zu vielen ihrer Geräte schlug sie fehl"),
        ("user:ann has corrected it already", "user:ann hat es schon korrigiert"),
        ("Ann: please call; then file it", "Ann: please call; then file it"),
        ("100% of %(this)s; %s", "100% of %(this)s; %s"),
        ("", ""),
        (None, ""),
    ],
)  # fmt: skip
def test_known_sentences_are_translated_and_others_stay(recorded: str | None, said: str) -> None:
    assert GERMAN.translate(recorded) == said
    assert ENGLISH.translate(recorded) == (recorded or "")


def test_every_reason_and_doubt_of_documents_and_notifications_is_said_in_german() -> None:
    found = {
        sentence
        for package, folders in SHOWN.items()
        for folder in folders
        for sentence in sentences_in(Path(str(files(package))) / folder)
    }
    assert len(found) > 200
    unknown = sorted(
        sentence
        for sentence in found
        if re.search("[a-z]", sentence) and GERMAN.translate(sentence) == sentence
    )
    assert unknown == [], "add them to console/lineal_console/recorded_sentences.py"


def sentences_in(folder: Path) -> Iterator[str]:
    """What is recorded there, with a 7 for all that varies."""
    for path in sorted(folder.rglob("*.py")):
        if not any(part in NOT_SHOWN for part in path.parts):
            for node in ast.walk(ast.parse(path.read_text())):
                yield from _sentence(node)


def _sentence(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        called = node.func
        name = getattr(called, "id", getattr(called, "attr", ""))
        place = {"Reject": 0, "skip": 0, "doubt": 0, "NotDelivered": 0, "Found": 2}.get(name)
        if place is not None and len(node.args) > place:
            yield from _text(node.args[place])
    elif isinstance(node, ast.Assign) and any(
        getattr(target, "id", "") in ("reason", "doubt") for target in node.targets
    ):
        yield from _text(node.value)


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        if any(part is not None and " " in str(part) for part in parts):
            yield "".join("7" if part is None else str(part) for part in parts)


def test_pages_that_notifications_name_are_there() -> None:
    named = {value for name, value in vars(conditions).items() if name.endswith("_PAGE")}
    assert len(named) == 5
    assert named <= {page.url for page in installed_pages()}
