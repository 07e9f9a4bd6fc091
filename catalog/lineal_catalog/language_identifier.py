"""py3langid's model, loaded once a process: it takes 80 MB, and several stages share a worker."""

from __future__ import annotations

import copy
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier  # type: ignore[import-untyped]


def language_identifier(codes: Collection[str] | None = None) -> LanguageIdentifier:
    """An identifier whose probabilities are of some languages.

    Args:
        codes: of the languages, as ISO 639-1 has them; None for all that have such a code.
    """
    # One that knows fewer languages shares all but its own table with the first.
    identifier = copy.copy(_loaded())
    identifier.set_languages(
        [
            label
            for label in identifier.labels
            if (len(label) == 2 if codes is None else label in codes)
        ]
    )
    return identifier


@cache
def _loaded() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
