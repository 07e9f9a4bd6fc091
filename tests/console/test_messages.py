"""The console speaks German wherever it speaks English."""

from __future__ import annotations

import re

import pytest
from babel.messages import Catalog, Message

from lineal_console.messages import negotiate
from lineal_local.messages import catalogue, extracted

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def _name(message: object) -> str:
    return message if isinstance(message, str) else str(message[0])  # type: ignore[index]


def _strings(message: Message) -> tuple[str, ...]:
    string = message.string or ""
    return (string,) if isinstance(string, str) else tuple(string)


@pytest.fixture(scope="module")
def german() -> Catalog:
    return catalogue("de")


def test_every_message_has_a_translation_and_no_translation_is_left_over(german: Catalog) -> None:
    spoken = {_name(item) for item in extracted()}
    known = {_name(item.id): item for item in german if item.id}
    assert spoken - set(known) == set(), "run `python -m lineal_local.messages` and translate"
    assert set(known) - spoken == set(), "run `python -m lineal_local.messages`"
    assert [name for name, item in known.items() if not all(_strings(item))] == []


def test_translations_have_the_placeholders_of_their_messages(german: Catalog) -> None:
    wrong = []
    for item in german:
        ids = (item.id,) if isinstance(item.id, str) else item.id
        strings = _strings(item)
        wanted = set(PLACEHOLDER.findall(ids[-1]))
        wrong += [text for text in strings if text and set(PLACEHOLDER.findall(text)) != wanted]
    assert [text for text in wrong if "charset" not in text] == []


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, en;q=0.5, de;q=0.7", "de"),
        ("de;q=0, en", "en"),
        ("fr", "en"),
        ("de;q=x,,;", "en"),
    ],
)
def test_the_language_follows_what_the_browser_prefers(accepted: str, language: str) -> None:
    assert negotiate(accepted) == language
