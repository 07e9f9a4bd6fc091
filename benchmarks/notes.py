"""What health notes mention and how it is meant, beside a match of the same dictionary."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.measurement import Benchmark, Result

_NOTES = Path(__file__).parent / "data" / "note_mentions.json"
_PEER = "the longest names of the same dictionary, all affirmed"
Meant = tuple[str, str]
"""A concept's id, and how it is meant."""


def _ours(text: str) -> set[Meant]:
    from lineal_catalog.graph.mentioned import SHOWN_SCORE
    from lineal_consumers.entities.config import EntitiesConfig
    from lineal_consumers.entities.recognition import find_mentions
    from lineal_schemas.results import Analysis, DocumentClass, Page, TextResult

    page = Page(number=1, begin=0, end=len(text), width=595, height=842, source="parse", words=())
    result = TextResult(engines=(), text=text, pages=(page,)).to_gzip()
    analysis = Analysis(
        language="en", language_confidence=1.0, key_phrases=(), entities=(),
        document_class=DocumentClass(name="note", confidence=1.0),
    ).to_gzip()  # fmt: skip
    return {
        (mention.concept, how)
        for mention in find_mentions(result, analysis, EntitiesConfig()).mentions
        if mention.score >= SHOWN_SCORE
        for how in mention.polarity
    }


class _Dictionary:
    """The peer: every name that occurs, as it stands, the longest first."""

    def __init__(self) -> None:
        from lineal_consumers.entities.vocabulary import load_vocabulary

        self._concepts = {
            name.lower(): concept.id
            for concept in load_vocabulary(None, True).concepts
            for name in (concept.name, *concept.synonyms)
            if name
        }
        names = sorted(self._concepts, key=len, reverse=True)
        self._pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b", re.IGNORECASE)

    def find(self, text: str) -> set[Meant]:
        return {
            (self._concepts[match[0].lower()], "affirmed") for match in self._pattern.finditer(text)
        }


def _f1(pairs: Iterable[tuple[set[Meant], set[Meant]]]) -> float:
    right = found = wanted = 0
    for ours, truth in pairs:
        right, found, wanted = right + len(ours & truth), found + len(ours), wanted + len(truth)
    return 2 * right / max(1, found + wanted)


def _affirmed_wrongly(pairs: Iterable[tuple[set[Meant], set[Meant]]]) -> float:
    """Of what is not affirmed, the share that is taken for affirmed."""
    wrong = others = 0
    for ours, truth in pairs:
        for concept, how in truth:
            if how != "affirmed":
                others += 1
                wrong += (concept, "affirmed") in ours
    return wrong / max(1, others)


def _measure() -> Sequence[Result]:
    dictionary = _Dictionary()
    notes = json.loads(_NOTES.read_text())
    truths = [{(concept, how) for concept, how in note["mentions"]} for note in notes]
    ours = list(zip([_ours(note["text"]) for note in notes], truths, strict=True))
    peer = list(zip([dictionary.find(note["text"]) for note in notes], truths, strict=True))
    f1, peer_f1 = _f1(ours), _f1(peer)
    return [
        Result(
            "quality.graph", f1, "F1 of concepts with polarity", ">= 0.9, above the peer",
            _PEER, peer_f1, f1 / peer_f1,
        ),
        Result(
            "quality.graph_affirmed", _affirmed_wrongly(ours), "not affirmed, taken for affirmed",
            "<= 0.02", _PEER, _affirmed_wrongly(peer),
        ),
    ]  # fmt: skip


BENCHMARKS = (Benchmark(("quality.graph", "quality.graph_affirmed"), _measure, timed=False),)
