"""Finds the sentences of a text that say the same as another one."""

from __future__ import annotations

from typing import NamedTuple

from lineal.stages import Reject
from lineal_catalog.matching.concepts import SentenceConcepts, polarities
from lineal_catalog.matching.null import null_distribution
from lineal_catalog.meaning.engines import EngineName, choose_engine
from lineal_catalog.polarity.context import Polarity
from lineal_catalog.summaries.sentences import split_sentences
from lineal_schemas.matching import MatchedSentence, NullDistribution, PolarityName
from lineal_schemas.results import PAGE_SEPARATOR

BEST = 5
MAX_SENTENCES = 2_000
"""Of one text; a longer one is refused, so that nothing is passed over silently."""


class Match(NamedTuple):
    """What was found."""

    polarity: tuple[PolarityName, ...]
    matches: tuple[MatchedSentence, ...]
    contrary: tuple[MatchedSentence, ...]
    null: NullDistribution


def match_sentence(
    sentence: str, text: str, engine_name: EngineName = "auto", max_p: float = 0.05
) -> Match:
    """The five sentences that are most like one and meant alike, and the like of it that is not.

    Args:
        max_p: what is contrary is shown up to here, for the whole text; beyond, it is about
            something else.

    Raises:
        Reject: the text has no sentence, or more than :data:`MAX_SENTENCES`.
    """
    spans = list(split_sentences(text))
    if not spans:
        raise Reject("there is no sentence in this text")
    if len(spans) > MAX_SENTENCES:
        raise Reject(f"this text has more than {MAX_SENTENCES} sentences: give it in parts")
    engine = choose_engine(engine_name)
    wanted = SentenceConcepts(sentence)
    concepts = [SentenceConcepts(text[begin:end]) for begin, end in spans]
    vectors = engine.embed([wanted.text, *(item.text for item in concepts)])
    null = null_distribution(concepts, vectors[1:], engine)
    matches, contrary = [], []
    for number, (begin, end) in enumerate(spans):
        alike, meant = polarities(wanted, concepts[number])
        similarity = float(vectors[number + 1] @ vectors[0])
        p = null.significance(similarity)
        p_text = min(1.0, p * len(spans))  # Bonferroni: the best of many is often alike by chance
        found = MatchedSentence(
            text=" ".join(text[begin:end].split()),
            begin=begin,
            end=end,
            page=text.count(PAGE_SEPARATOR, 0, begin) + 1,
            similarity=round(similarity, 4),
            p=float(f"{p:.4g}"),
            p_text=float(f"{p_text:.4g}"),
            polarity=_names(meant),
        )
        if alike:
            matches.append(found)
        elif p_text <= max_p:
            contrary.append(found)
    for some in (matches, contrary):
        some.sort(key=lambda item: (-item.similarity, item.begin))
    return Match(
        _names(wanted.polarity()),
        tuple(matches[:BEST]),
        tuple(contrary[:BEST]),
        null.described(),
    )


def _names(polarity: Polarity) -> tuple[PolarityName, ...]:
    return polarity.names()
