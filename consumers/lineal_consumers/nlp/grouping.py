"""Groups mentions of the same entity."""

from __future__ import annotations

from collections.abc import Iterable

from lineal_consumers.nlp.engines import Mention
from lineal_schemas.results import Entity, Span

PERSONAL_TYPES = frozenset(
    {
        "EMAIL", "PHONE", "US_SSN", "IBAN", "CREDIT_CARD", "PERSON", "ADDRESS", "DATE_OF_BIRTH",
        "PASSPORT", "UK_NHS", "DRIVER_LICENSE", "TAX_ID", "PATIENT_ID", "NATIONAL_ID",
    }
)  # fmt: skip


def group(text: str, mentions: Iterable[Mention]) -> tuple[Entity, ...]:
    """Entities with all their occurrences, in the order of their first one.

    Mentions are the same entity when their type and key are; it is shown as it is written first.
    """
    found: dict[tuple[str, str], list[Mention]] = {}
    for mention in mentions:
        found.setdefault((mention.type, mention.key), []).append(mention)
    entities = []
    for (type, _), places in found.items():
        places.sort(key=lambda mention: mention.begin)
        first = places[0]
        entities.append(
            Entity(
                type=type,
                text=text[first.begin : first.end],
                value=first.value,
                personal=type in PERSONAL_TYPES,
                occurrences=tuple(
                    Span(place.begin, place.end, round(place.confidence, 3)) for place in places
                ),
            )
        )
    entities.sort(key=lambda entity: (entity.occurrences[0].begin, entity.type))
    return tuple(entities)
