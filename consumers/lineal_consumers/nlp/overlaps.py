"""Chooses among overlapping mentions."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from lineal_consumers.nlp.engines import Mention

# What is proven by a checksum or an unmistakable shape comes before what is only likely.
_RANK = {
    name: rank
    for rank, name in enumerate(
        (
            "URL", "EMAIL", "IBAN", "CREDIT_CARD", "IP_ADDRESS", "US_SSN", "UK_NHS",
            "DATE_OF_BIRTH", "PASSPORT", "DRIVER_LICENSE", "TAX_ID", "PATIENT_ID", "NATIONAL_ID",
            "ADDRESS", "PHONE", "DATE", "MONEY", "PERCENT", "ORGANIZATION", "PERSON",
        )
    )
}  # fmt: skip


def without_overlaps(mentions: Iterable[Mention]) -> list[Mention]:
    """The mentions to keep, by where they begin; no two of them share a character.

    The higher type wins, then the surer, then the longer one. One exception: an e-mail address
    inside a full URL is kept beside it, because it is personal data all the same.
    """
    kept: list[tuple[int, int, Mention]] = []
    nested: list[Mention] = []
    ordered = sorted(
        set(mentions),
        key=lambda m: (_rank(m), -m.confidence, m.begin - m.end, m.begin, m.type, m.key),
    )
    for mention in ordered:
        rival = _overlapping(kept, mention)
        if rival is None:
            insort(kept, (mention.begin, mention.end, mention))
        elif (
            mention.type == "EMAIL"
            and rival.type == "URL"
            and rival.begin <= mention.begin
            and mention.end <= rival.end
        ):
            nested.append(mention)
    return sorted([*(mention for _, _, mention in kept), *nested], key=lambda m: (m.begin, m.type))


def _rank(mention: Mention) -> int:
    # A bare "example.com" is less than the e-mail address it is part of.
    if mention.type == "URL" and mention.confidence < 0.8:
        return _RANK["IP_ADDRESS"]
    return _RANK.get(mention.type, len(_RANK))


def _overlapping(kept: list[tuple[int, int, Mention]], mention: Mention) -> Mention | None:
    at = bisect_left(kept, (mention.begin,))
    if at < len(kept) and kept[at][0] < mention.end:
        return kept[at][2]
    if at > 0 and kept[at - 1][1] > mention.begin:
        return kept[at - 1][2]
    return None
