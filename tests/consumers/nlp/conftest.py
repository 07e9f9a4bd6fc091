"""Short ways to have a text analysed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lineal_consumers.nlp.analysis import analyze_text
from lineal_consumers.nlp.config import NlpConfig
from lineal_schemas.results import Entity

Find = Callable[..., list[Entity]]


@pytest.fixture
def find() -> Find:
    """The entities of one type in a text; further arguments are fields of the config."""

    def look(type: str, text: str, **config: object) -> list[Entity]:
        analysis = analyze_text(text, NlpConfig.model_validate({"key_phrases": "none", **config}))
        return [entity for entity in analysis.entities if entity.type == type]

    return look
