"""Shows what was recorded in English in the language of who reads it.

Reasons and doubts are recorded once, for ever, and in one language. A page looks a sentence up
among those that are known, and puts what varies in it into the sentence of the reader's language.
What is not known, such as what a person wrote, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from lineal_console.messages import SOURCE_LANGUAGE, Messages
from lineal_console.recorded_sentences import SENTENCES

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_WHOLE_PLACEHOLDER = re.compile(r"%\(\w+\)s")
_MAX_DEPTH = 4
"""A sentence may stand in another one: ``over: ...``, ``picture 3: ...``."""
_MAX_CHARACTERS = 4000


class RecordedSentences:
    """The sentences that are known, in one language."""

    def __init__(self, messages: Messages) -> None:
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[tuple[str, ...], re.Pattern[str], str]] = []
        if messages.language == SOURCE_LANGUAGE:
            return
        # What has more words of its own says more of what it matches.
        for sentence in sorted(SENTENCES, key=_literals, reverse=True):
            said = messages.gettext(sentence)
            if _PLACEHOLDER.search(sentence) is None:
                self._exact[sentence] = said
            else:
                words = tuple(filter(None, _WHOLE_PLACEHOLDER.split(sentence)))
                pattern = re.compile(_expression(sentence), re.DOTALL)
                self._patterns.append((words, pattern, said))

    def translate(self, text: str | None) -> str:
        """A text in the language; itself where no sentence is known."""
        if not text:
            return ""
        if not (self._exact or self._patterns) or len(text) > _MAX_CHARACTERS:
            return text
        return self._translate(text, _MAX_DEPTH)

    def _translate(self, text: str, depth: int) -> str:
        if (known := self._exact.get(text)) is not None:
            return known
        if depth == 0:
            return text
        for words, pattern, said in self._patterns:
            # Most are ruled out by their words, sooner than by matching.
            if not all(each in text for each in words):
                continue
            if (found := pattern.fullmatch(text)) is not None:
                return said % {
                    name: self._translate(value, depth - 1)
                    for name, value in found.groupdict().items()
                }
        return self._translate_parts(text, depth)

    def _translate_parts(self, text: str, depth: int) -> str:
        """Several sentences, or one behind the name of what it is about."""
        if "; " in text:
            return "; ".join(self._translate(part, depth - 1) for part in text.split("; "))
        name, separator, sentence = text.partition(": ")
        if not separator:
            return text
        return f"{self._exact.get(name, name)}{separator}{self._translate(sentence, depth - 1)}"


def _literals(sentence: str) -> int:
    return len(_PLACEHOLDER.sub("", sentence))


def _expression(sentence: str) -> str:
    return "".join(_pieces(sentence))


def _pieces(sentence: str) -> Iterator[str]:
    begin = 0
    for found in _PLACEHOLDER.finditer(sentence):
        yield re.escape(sentence[begin : found.start()])
        yield f"(?P<{found[1]}>.+?)"
        begin = found.end()
    yield re.escape(sentence[begin:])


@cache
def recorded_sentences(messages: Messages) -> RecordedSentences:
    """The sentences in a language, made once in a process."""
    return RecordedSentences(messages)
