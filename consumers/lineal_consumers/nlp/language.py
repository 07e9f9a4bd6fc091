"""Detects the language of a text, by py3langid."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lineal_catalog.language_identifier import language_identifier

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier  # type: ignore[import-untyped]

UNDETERMINED = "und"

# Under this the detector is guessing: numbers, codes and single words score 0.01 to 0.2.
_MIN_CONFIDENCE = 0.3
_SAMPLE = 400
_SAMPLES = 3


@cache
def _identifier() -> LanguageIdentifier:
    # The model also knows languages that have no two-letter code, which events cannot name.
    return language_identifier()


class LangidDetector:
    """py3langid's bundled naive Bayes model over byte n-grams; works offline."""

    def __init__(self) -> None:
        self._identifier = _identifier()

    def detect(self, text: str) -> tuple[str, float]:
        """See :class:`~lineal_consumers.nlp.engines.LanguageDetector`.

        Of long texts samples spread over them are used: a few hundred words say as much as a
        million, and cost the same however long the document is.
        """
        sample = _spread_sample(text)
        if not any(character.isalpha() for character in sample):
            return UNDETERMINED, 0.0
        language, confidence = self._identifier.classify(sample)
        confidence = round(min(float(confidence), 1.0), 4)
        if confidence < _MIN_CONFIDENCE:
            return UNDETERMINED, confidence
        return str(language), confidence


def _spread_sample(text: str) -> str:
    if len(text) <= _SAMPLE * _SAMPLES:
        return text
    step = (len(text) - _SAMPLE) // (_SAMPLES - 1)
    return "\n".join(text[i * step : i * step + _SAMPLE] for i in range(_SAMPLES))
