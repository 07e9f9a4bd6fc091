"""Finds values of slots in what somebody says: dates, numbers, choices, texts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from lineal_consumers.conversation.dialogue import Dialogue, Slot
from lineal_consumers.conversation.wording import WORDINGS, plain
from lineal_schemas.conversations import SlotValue

_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)?(?![\w]|[.,]\d)")
_WORD = re.compile(r"[^\W_]+")
_SAYS_A_DAY = re.compile(r"\d|[^\W\d_]{4,}")
_NO_DAYS = frozenset(
    (
        "now", "march", "may", "second", "seconds", "minute", "minutes", "hour", "hours", "week",
        "weeks", "month", "months", "year", "years", "jetzt", "monat", "jahr", "woche", "stunde",
        "sekunde",
    )
)  # fmt: skip
_MAX_LEFT = 24
"""Letters beside a value: an answer with more of them may be something else."""


class Found(NamedTuple):
    """A value in a text."""

    value: SlotValue
    words: str
    """What of the text says it."""


class Problem(NamedTuple):
    """Why an answer is no value: a sentence of the dialogue, and what it names."""

    sentence: str
    named: dict[str, str]


def find_value(
    text: str, slot: Slot, dialogue: Dialogue, now_us: int, *, asked: bool
) -> Found | Problem | None:
    """The value of a slot in a text; a problem where one is there and may not be, None where none
    is there.

    Args:
        now_us: relative days are counted from it, microseconds since the Unix epoch.
        asked: whether the slot was asked for: then a whole text is a value too.
    """
    if slot.kind == "text":
        return Found(text.strip(), text) if asked and text.strip() else None
    if slot.kind == "choice":
        return _choice(text, slot)
    if slot.kind == "number":
        return _number(text, slot, dialogue)
    return _date(text, slot, dialogue, now_us, asked=asked)


def covers_text(text: str, found: Found) -> bool:
    """Whether a text is hardly more than the value."""
    rest = text.lower().replace(found.words.lower(), " ", 1)
    return sum(letter.isalnum() for letter in rest) <= _MAX_LEFT


def problem_of(slot: Slot) -> Problem:
    """What to say when an answer has no value."""
    if slot.kind == "choice":
        return Problem("not_a_choice", {"choices": ", ".join(slot.choices)})
    return Problem({"date": "not_a_date", "number": "not_a_number"}.get(slot.kind, "contact"), {})


def _choice(text: str, slot: Slot) -> Found | None:
    words = _words(text)
    found = []
    for name, others in slot.choices.items():
        for said in (name, *others):
            looked_for = _words(said)
            if looked_for in words:
                found.append((len(looked_for), name, said))
    if not found or len({name for length, name, _ in found if length == max(found)[0]}) > 1:
        return None
    _, name, said = max(found)
    return Found(name, said)


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(plain(text)))} "


def _number(text: str, slot: Slot, dialogue: Dialogue) -> Found | Problem | None:
    found = _NUMBER.search(text)
    if found is not None:
        value, words = float(found[0].replace(",", ".")), found[0]
    else:
        named = WORDINGS[dialogue.language].numbers
        said = [word for word in _WORD.findall(text.lower()) if word in named]
        if len(said) != 1:
            return None
        value, words = float(named[said[0]]), said[0]
    if slot.minimum is not None and value < slot.minimum:
        return Problem("too_small", {"limit": f"{slot.minimum:g}"})
    if slot.maximum is not None and value > slot.maximum:
        return Problem("too_large", {"limit": f"{slot.maximum:g}"})
    return Found(value, words)


def _date(text: str, slot: Slot, dialogue: Dialogue, now_us: int, *, asked: bool) -> Found | None:
    if not _SAYS_A_DAY.search(text):
        return None
    today = datetime.fromtimestamp(now_us / 1e6, UTC).astimezone(ZoneInfo(dialogue.zone))
    settings: dict[str, object] = {
        "RELATIVE_BASE": today.replace(tzinfo=None),
        "PREFER_DATES_FROM": "past" if slot.past else "future",
        "DATE_ORDER": "DMY",
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    if iso := re.search(r"\b\d{4}-\d{2}-\d{2}\b", text):
        try:
            return Found(date.fromisoformat(iso[0]).isoformat(), iso[0])
        except ValueError:
            return None
    candidates = _days_in(text, dialogue.language, settings)
    if not candidates and asked:
        import dateparser

        whole = dateparser.parse(text, languages=[dialogue.language], settings=settings)
        candidates = [] if whole is None else [(text, whole)]
    for words, day in candidates:
        if _SAYS_A_DAY.search(words) and plain(words) not in _NO_DAYS:
            return Found(day.date().isoformat(), words)
    return None


def _days_in(text: str, language: str, settings: dict[str, object]) -> list[tuple[str, datetime]]:
    from dateparser.search import search_dates

    found = search_dates(text, languages=[language], settings=settings)
    return [(words, day) for words, day in found or ()]
