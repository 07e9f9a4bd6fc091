"""Classifies documents by rules."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lineal_consumers.nlp.document_cues import CLASSES
from lineal_schemas.results import DocumentClass, Entity

_HEAD = 6_000
_TITLE_LINES = 8
_LOWEST_TITLE = 16
"""A title may stand below the addresses, if there is nothing else in its line."""
_LOW_TITLE = 2.2
_MIN_EVIDENCE = 2.0
_OTHER_CONFIDENCE = 0.3

_MAIL_HEADER = re.compile(
    r"^[ \t]*(?:from|to|cc|subject|date|sent|von|an|betreff|de|à|objet)[ \t]*:", re.I | re.M
)
_GREETING = re.compile(
    r"^[ \t]*(?:dear\b|to whom it may|sehr geehrte|liebe[rs]?\s|madame|monsieur|cher\b|chère\b"
    r"|estimad[oa]|gentlemen|ladies and)",
    re.I | re.M,
)
_CLOSING = re.compile(
    r"^[ \t]*(?:(?:yours )?(?:sincerely|truly|faithfully)|(?:kind |best |warm )?regards"
    r"|respectfully|mit freundlichen grü(?:ß|ss)en|cordialement|veuillez agréer|atentamente)",
    re.I | re.M,
)
_DIGITS = re.compile(r"\d+")
_BLANK = re.compile(r"_{3,}|\.{6,}|☐|□|\[ ?\]|\( ?\)")
_LABEL_LINE = re.compile(r"^[ \t]*[^\W\d_][^:\n]{1,40}:(?:\s|$)", re.M)


class RuleClassifier:
    """Titles, tell-tale words and layout; see
    :class:`~lineal_consumers.nlp.engines.DocumentClassifier`.

    One of invoice, receipt, form, letter, contract, report, resume, email, statement, article,
    other. The confidence is the winner's share of the evidence, which grows towards 1 with its
    amount; it is not a calibrated probability.
    """

    def classify(self, pages: Sequence[str], entities: Sequence[Entity]) -> DocumentClass:
        head = "\n".join(pages[:3])[:_HEAD]
        if not head.strip():
            return DocumentClass(name="other", confidence=0.0)
        scores = _scores(head, _kinds(entities, len(head)))
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        (name, best), (_, second) = ranked[0], ranked[1]
        if best < _MIN_EVIDENCE:
            return DocumentClass(name="other", confidence=_OTHER_CONFIDENCE)
        confidence = best / (best + second) * best / (best + 1)
        return DocumentClass(name=name, confidence=round(confidence, 3))


def _kinds(entities: Sequence[Entity], end: int) -> dict[str, int]:
    """How many occurrences of each type of entity the head has."""
    kinds: dict[str, int] = {}
    for entity in entities:
        found = sum(1 for place in entity.occurrences if place.begin < end)
        kinds[entity.type] = kinds.get(entity.type, 0) + found
    return kinds


def _scores(head: str, kinds: dict[str, int]) -> dict[str, float]:
    lower = head.lower()
    lines = [line.strip() for line in lower.splitlines() if line.strip()]
    top = [line.strip("*#=-:. ") for line in lines[:_LOWEST_TITLE]]
    scores = {
        name: _title_score(top, cues.titles)
        + sum(weight for word, weight in cues.words if word in lower)
        for name, cues in CLASSES.items()
    }
    money = kinds.get("MONEY", 0)
    if money >= 3:
        scores["invoice"] += 0.7
        scores["receipt"] += 0.7
        scores["statement"] += 0.7
    if len(lines) < 40 and money and scores["receipt"]:
        scores["receipt"] += 0.3
    labels = len(_LABEL_LINE.findall(head))
    scores["form"] += min(len(_BLANK.findall(head)), 8) / 4 + min(labels, 10) / 10
    headers = {match.strip(" \t:").lower() for match in _MAIL_HEADER.findall("\n".join(lines[:12]))}
    scores["email"] = 1.2 * len(headers) if len(headers) >= 2 else 0.0
    greeted, closed = _GREETING.search(head), _CLOSING.search(head)
    scores["letter"] = 2.0 * bool(greeted) + 2.0 * bool(closed) + (0.5 if greeted and closed else 0)
    scores["article"] = _prose_score(lines, labels, money)
    return scores


def _title_score(top: list[str], titles: tuple[str, ...]) -> float:
    best = 0.0
    for rank, line in enumerate(top):
        for title in titles:
            if line == title:
                best = max(best, 4.0 - 0.2 * rank if rank < _TITLE_LINES else _LOW_TITLE)
            elif rank >= _TITLE_LINES:
                continue
            elif len(line) <= 60 and re.search(rf"\b{re.escape(title)}\b", line):
                best = max(best, 3.0 - 0.25 * rank)
    return best


def _prose_score(lines: list[str], labels: int, money: int) -> float:
    """Running text: full lines of words and little else."""
    counts = [len(line.split()) for line in lines]
    words = sum(counts)
    if words < 60:
        return 0.0
    in_prose = sum(count for count in counts if count >= 7)
    digits = sum(map(len, _DIGITS.findall("\n".join(lines))))
    characters = sum(map(len, lines))
    score = 3.5 * in_prose / words - 20 * max(0.0, digits / characters - 0.03)
    return max(0.0, score - 0.1 * labels - 0.05 * money)
