"""Puts mentions of concepts into a store."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal_catalog.graph.effect import DocumentMentions, replace_mentions
from lineal_schemas.entities import Mention, MentionPolarity


def mention(
    concept: str, polarity: MentionPolarity = "affirmed", score: float = 1.0, begin: int = 0
) -> Mention:
    return Mention(
        concept=concept, name=concept.replace("-", " "), kind="finding", text=concept, page=1,
        begin=begin, end=begin + len(concept), score=score, polarity=(polarity,),
    )  # fmt: skip


def put(connection: Connection, document: str, *mentions: Mention, about: str = "") -> None:
    numbered = tuple(
        item.model_copy(update={"begin": at * 100, "end": at * 100 + 5})
        for at, item in enumerate(mentions)
    )
    replace_mentions(connection, DocumentMentions(document, about, numbered))
