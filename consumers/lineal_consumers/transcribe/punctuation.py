"""The text of an utterance: words with capitals and punctuation.

Where the engine writes none: a sentence begins with a capital and ends with a full stop, or a
question mark after words that ask; a longer pause within it is a comma.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal_consumers.transcribe.stabilisation import RecognizedWord

_PAUSE_SECONDS = 0.3
_SENTENCE_PAUSE_SECONDS = 0.5
_ASKING = frozenset(
    ["who", "what", "when", "where", "why", "how", "which", "whose", "do", "does", "did", "is",
     "are", "was", "were", "can", "could", "will", "would", "should", "shall", "may", "have",
     "has"]
)  # fmt: skip
_ALWAYS_CAPITAL = {"i": "I", "i'm": "I'm", "i've": "I've", "i'll": "I'll", "i'd": "I'd"}


def punctuated(words: Sequence[RecognizedWord]) -> str:
    """The text of words in their order."""
    if any(word.punctuated for word in words):
        return " ".join(word.punctuated or word.text for word in words)
    return " ".join(_sentence(part) for part in _sentences(words))


def _sentences(words: Sequence[RecognizedWord]) -> list[list[RecognizedWord]]:
    found: list[list[RecognizedWord]] = []
    for word in words:
        if not found or word.start - found[-1][-1].end >= _SENTENCE_PAUSE_SECONDS:
            found.append([])
        found[-1].append(word)
    return found


def _sentence(words: Sequence[RecognizedWord]) -> str:
    written = [_ALWAYS_CAPITAL.get(word.text, word.text) for word in words]
    for place in range(len(words) - 1):
        if words[place + 1].start - words[place].end >= _PAUSE_SECONDS:
            written[place] += ","
    written[0] = written[0][:1].upper() + written[0][1:]
    end = "?" if words[0].text in _ASKING and len(words) > 2 else "."
    return " ".join(written) + end
