"""The sentences of a block, each as it is read and as SSML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from lineal_consumers.articles.abbreviations import in_words
from lineal_consumers.articles.blocks import Run
from lineal_schemas.articles import Language, SpokenSentence

_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+(?=[\"'“‘(]?[A-ZÄÖÜ0-9])")
_GERMAN_ORDINAL = re.compile(r"\d\.$")
_LEVELS = frozenset(["strong", "moderate", "reduced", "none"])
_MEANINGS = frozenset(["characters", "spell-out", "cardinal", "ordinal", "digits", "date", "time",
                       "telephone"])  # fmt: skip
_TIME = re.compile(r"\d{1,5}(?:\.\d{1,3})?m?s")
_MAY_END = frozenset(["etc.", "usw.", "Inc.", "Ltd.", "Jr."])
"""Abbreviations behind which a sentence may end."""
_MAX_BREAK_MS = 10_000


def sentences_of(
    runs: Sequence[Run], language: Language, lexicon: Mapping[str, str]
) -> tuple[SpokenSentence, ...]:
    """The sentences of a block. An element of SSML belongs to the sentence it stands in."""
    found: list[SpokenSentence] = []
    text, ssml = "", ""
    for run in runs:
        if run.tag:
            text += run.text
            ssml += _element(run)
            continue
        parts = _split(run.text, language)
        for place, part in enumerate(parts):
            text += part
            ssml += _spoken(part, language, lexicon)
            if place < len(parts) - 1:
                _add(found, text, ssml)
                text, ssml = "", ""
    _add(found, text, ssml)
    return tuple(found)


def _add(found: list[SpokenSentence], text: str, ssml: str) -> None:
    text = " ".join(text.split())
    if any(sign.isalnum() for sign in text):
        found.append(SpokenSentence(text=text, ssml=" ".join(ssml.split())))


def _split(text: str, language: Language) -> list[str]:
    """The sentences of a text; what an abbreviation or a German ordinal ends is none."""
    parts, start = [], 0
    for end in _END.finditer(text):
        before = text[start : end.start()]
        words = before.split()
        last = words[-1] if words else ""
        if _is_abbreviation(last, language) or _is_abbreviation(" ".join(words[-2:]), language):
            if last not in _MAY_END:
                continue
        elif language == "de" and _GERMAN_ORDINAL.search(last):
            continue
        elif len(last) == 2 and last[0].isalpha() and last[1] == ".":
            continue  # the initial of a name, or the first half of "z. B."
        parts.append(text[start : end.end()])
        start = end.end()
    return [*parts, text[start:]]


def _is_abbreviation(text: str, language: Language) -> bool:
    return text.endswith(".") and in_words(text, language) not in (text, text[:-1])


def _spoken(text: str, language: Language, lexicon: Mapping[str, str]) -> str:
    """A text as SSML."""
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() else ""
    if not lexicon:
        return lead + escape(in_words(text, language)) + trail
    pattern = re.compile(
        "|".join(rf"(?<!\w){re.escape(w)}(?!\w)" for w in sorted(lexicon, key=len, reverse=True))
    )
    made, start = "", 0
    for word in pattern.finditer(text):
        made += escape(in_words(text[start : word.start()], language))
        made += f" <sub alias={quoteattr(lexicon[word[0]])}>{escape(word[0])}</sub> "
        start = word.end()
    return lead + made + escape(in_words(text[start:], language)) + trail


def _element(run: Run) -> str:
    """An element of the subset; what it does not have is spoken as plain text."""
    given = dict(run.attributes)
    text = escape(run.text)
    if run.tag == "break":
        time = given.get("time", "500ms")
        if _TIME.fullmatch(time) is None or _milliseconds(time) > _MAX_BREAK_MS:
            time = "500ms"
        return f' <break time="{time}"/> '
    if run.tag == "sub" and given.get("alias"):
        return f"<sub alias={quoteattr(given['alias'])}>{text}</sub>"
    if run.tag == "emphasis":
        level = given.get("level", "moderate")
        return f'<emphasis level="{level if level in _LEVELS else "moderate"}">{text}</emphasis>'
    meaning = given.get("interpret-as")
    if run.tag == "say-as" and meaning in _MEANINGS:
        spoken = "characters" if meaning == "spell-out" else meaning
        return f'<say-as interpret-as="{spoken}">{text}</say-as>'
    return text


def _milliseconds(time: str) -> float:
    return float(time[:-2]) if time.endswith("ms") else float(time[:-1]) * 1000
