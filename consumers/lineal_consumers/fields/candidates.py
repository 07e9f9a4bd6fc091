"""Possible values of a field: beside its labels, where examples have taught, and unlabelled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lineal_consumers.fields.definition import FieldDefinition
from lineal_consumers.fields.labels import NUMBER_OF_LABEL, FoundLabel
from lineal_consumers.fields.memory import Example, Place, agreement
from lineal_consumers.fields.segments import Segment, Sheet, Token, are_aligned, token_span
from lineal_consumers.fields.values import DateOrder, Match, matches
from lineal_schemas.documents import PageBox
from lineal_schemas.fields import FieldSource, FieldType

_RIGHT, _BELOW = 0.95, 0.85
_TOGETHER = 0.75
"""Of a text that follows its label of several words, without a colon."""
_GAP = 0.15
"""Of the page's width: how far right of its label a value usually begins at most."""
_UNLABELLED = 0.35
_ARITHMETIC = 0.3
_MOST_AMOUNTS = 12
_TAUGHT_WELL = 0.6
COMPANY = re.compile(
    r"\b(GmbH|AG|KG|OHG|UG|e\.?K\.?|SE|Ltd|Limited|LLC|LLP|Inc|Corp|Corporation|Company|PLC|plc"
    r"|S\.?A\.?R?\.?L?\.?|B\.?V\.?|S\.?p\.?A\.?|Co)\b\.?"
)
"""How names of companies end."""
RECIPIENTS = frozenset(
    [
        "bill to",
        "billed to",
        "ship to",
        "sold to",
        "customer",
        "invoice to",
        "client",
        "deliver to",
        "an",
        "rechnung an",
        "kunde",
        "lieferadresse",
        "rechnungsadresse",
        "recipient",
        "buyer",
        "attn",
        "to",
        "rechnungsempfänger",
        "empfänger",
    ]
)
"""Labels of whom a document is for."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible value of a field."""

    value: str
    text: str
    score: float
    source: FieldSource
    box: PageBox | None = None
    tokens: tuple[int, int] | None = None
    """Offsets in the document's text."""
    examples: tuple[str, ...] = ()

    def scaled(self, factor: float) -> Candidate:
        """The same with another score."""
        return Candidate(
            self.value, self.text, self.score * factor, self.source, self.box, self.tokens,
            self.examples,
        )  # fmt: skip


class Finder:
    """Finds possible values on the pages of one document."""

    def __init__(
        self, sheets: Sequence[Sheet], labels: Sequence[FoundLabel], order: DateOrder
    ) -> None:
        self._sheets = sheets
        self._labels = labels
        self._order = order
        self._of_segment: dict[int, list[FoundLabel]] = {}
        for label in labels:
            self._of_segment.setdefault(id(label.segment), []).append(label)
        self._by_number = {sheet.number: sheet for sheet in sheets}
        self._matches: dict[tuple[FieldType, int], list[Match]] = {}

    def labelled(self, name: str, field: FieldDefinition) -> Iterator[Candidate]:
        """Values beside labels of a field."""
        for label in self._labels:
            if label.field != name:
                continue
            sheet = self._by_number[label.segment.page]
            found = list(self._in_same(label, field, sheet))
            found += self._right(label, field, sheet)
            if label.begin == 0:
                found += self._below(label, field, sheet)
            for candidate in found:
                yield candidate.scaled(label.score)

    def _in_same(
        self, label: FoundLabel, field: FieldDefinition, sheet: Sheet
    ) -> Iterator[Candidate]:
        segment = label.segment
        after = [one.begin for one in self._of_segment[id(segment)] if one.begin >= label.end]
        tokens = segment.tokens[label.end : min(after, default=len(segment.tokens))]
        while tokens and not any(letter.isalnum() for letter in tokens[0].text):
            tokens = tokens[1:]
        if not tokens:
            return
        near = 1.0
        if field.type == "text" and not segment.tokens[label.end - 1].text.endswith(":"):
            # One word and others without a colon are hardly a label and its value.
            if label.begin > 0 or label.end < 2 + self._is_numbered(segment):
                return
            near = _TOGETHER
        yield from self._within(field, tokens, sheet, near)

    @staticmethod
    def _is_numbered(segment: Segment) -> bool:
        return NUMBER_OF_LABEL.fullmatch(segment.tokens[0].text) is not None

    def _right(
        self, label: FoundLabel, field: FieldDefinition, sheet: Sheet
    ) -> Iterator[Candidate]:
        if label.end < len(label.segment.tokens) and field.type == "text":
            return
        near, end = _RIGHT, label.segment.right
        for segment in sheet.rows[label.segment.row][label.segment.column + 1 :]:
            if self._begins_with_label(segment):
                return
            # Amounts stand far from their labels, at the edge of the page; others do not.
            gap = 0.0 if field.type == "amount" else (segment.left - end) / sheet.width
            far = 1 - max(0.0, gap - _GAP)
            yield from self._within(field, segment.tokens, sheet, near * far)
            near *= 0.9 if field.type == "amount" else 0.75

    def _below(
        self, label: FoundLabel, field: FieldDefinition, sheet: Sheet
    ) -> Iterator[Candidate]:
        segment, near = label.segment, _BELOW
        limit = segment.bottom + 2.6 * max(segment.height, 6.0)
        for row in sheet.rows[segment.row + 1 :]:
            if min(one.top for one in row) > limit:
                return
            for other in row:
                if other.top >= segment.bottom - 0.4 * segment.height and are_aligned(
                    segment, other
                ):
                    if self._begins_with_label(other):
                        return
                    yield from self._within(field, other.tokens, sheet, near)
                    near *= 0.7

    def _begins_with_label(self, segment: Segment) -> bool:
        return any(one.begin == 0 for one in self._of_segment.get(id(segment), ()))

    def _within(
        self, field: FieldDefinition, tokens: Sequence[Token], sheet: Sheet, near: float
    ) -> Iterator[Candidate]:
        text = " ".join(token.text for token in tokens)
        found = list(matches(field.type, text, self._order))
        if field.type == "amount":
            found.reverse()  # "VAT 19 % of 1,000.00 190.00"
        weight = near
        for match in found:
            yield _candidate(match, text, tokens, sheet, weight * match.fit, "label")
            weight *= 0.8

    def taught(
        self, name: str, field: FieldDefinition, alike: Sequence[tuple[float, Example]]
    ) -> Iterator[Candidate]:
        """Values where examples of the same layout had theirs."""
        taught = [
            (example.document_id, one.surroundings)
            for _, example in alike
            for one in example.fields
            if one.name == name and one.surroundings is not None
        ]
        if not taught:
            return
        for sheet in self._sheets:
            for segment in sheet.segments:
                text = segment.text
                for match in self._all(field.type, segment):
                    place = Place(
                        sheet, segment, token_span(segment.tokens, match.begin, match.end),
                        match.begin, len(self._sheets),
                    )  # fmt: skip
                    around = place.surroundings(match.value)
                    scores = sorted(
                        ((agreement(one, around), known) for known, one in taught), reverse=True
                    )
                    best = scores[0][0]
                    if best >= _TAUGHT_WELL:
                        names = tuple(known for score, known in scores[:3] if score >= best - 0.05)
                        yield _candidate(
                            match, text, segment.tokens, sheet, 0.3 + 0.7 * best * match.fit,
                            "learnt", names,
                        )  # fmt: skip

    def _all(self, kind: FieldType, segment: Segment) -> list[Match]:
        key = kind, id(segment)
        if key not in self._matches:
            found = list(matches(kind, segment.text, self._order))
            if kind == "text":
                found = list(_texts(segment))
            self._matches[key] = found
        return self._matches[key]

    def unlabelled(self, name: str, field: FieldDefinition) -> Iterator[Candidate]:
        """Values that are known by what they are alone: account numbers, the date at the top, the
        sender."""
        if field.type == "iban":
            for sheet in self._sheets:
                for segment in sheet.segments:
                    for match in self._all("iban", segment):
                        if match.fit == 1.0:
                            yield _candidate(
                                match, segment.text, segment.tokens, sheet, 0.8, "entity"
                            )
        elif field.sender and self._sheets:
            yield from self._senders(self._sheets[0])
        elif field.type == "date" and field.required and self._sheets:
            yield from self._dates(self._sheets[0])
        elif field.type == "amount" and field.sum_of:
            yield from self._largest()

    def _dates(self, sheet: Sheet) -> Iterator[Candidate]:
        """The dates in the upper half, the earliest first: what is due is due later."""
        found = sorted(
            (
                (match.value, segment.top, match, segment)
                for segment in sheet.segments
                if segment.top < 0.5 * sheet.height
                for match in self._all("date", segment)
            ),
            key=lambda one: one[:2],
        )
        score = _UNLABELLED
        for _, _, match, segment in found:
            yield _candidate(match, segment.text, segment.tokens, sheet, score, "place")
            score *= 0.8

    def amounts(self) -> list[Candidate]:
        """The last amounts of the document that are written with cents."""
        found = [
            _candidate(match, segment.text, segment.tokens, sheet, _ARITHMETIC, "place")
            for sheet in self._sheets
            for segment in sheet.segments
            for match in self._all("amount", segment)
            if match.fit == 1.0
        ]
        return found[-_MOST_AMOUNTS:]

    def _largest(self) -> Iterator[Candidate]:
        found = self.amounts()
        if found:
            most = max(found, key=lambda one: float(one.value))
            yield most.scaled(_UNLABELLED / _ARITHMETIC)

    def _senders(self, sheet: Sheet) -> Iterator[Candidate]:
        segments = list(sheet.segments)
        if not segments:
            return
        heights = sorted(segment.height for segment in segments)
        usual = max(heights[len(heights) // 2], 1.0)
        texts = [segment.text.casefold() for segment in segments]
        for segment in segments:
            company = COMPANY.search(segment.text)
            top = segment.top / sheet.height
            if segment.key in (("invoice",), ("rechnung",)) or not (company or top < 0.12):
                continue
            if id(segment) in self._of_segment and self._begins_with_label(segment):
                continue
            text = segment.text.split(" · ")[0].split(" | ")[0].split(" • ")[0]
            if company and ", " in text[company.end() :]:
                text = text[: company.end()]
            text = text.strip(" ,;·•|")
            if sum(letter.isalpha() for letter in text) < 3:
                continue
            score = 0.3 + (0.25 if company else 0.0)
            score += 0.12 if top < 0.15 else 0.06 if top < 0.3 or top > 0.85 else -0.05
            score += min(0.12, 0.1 * (segment.height / usual - 1)) if segment.placed else 0.0
            name = text.casefold()
            score += 0.12 if sum(name in other for other in texts) > 1 else 0.0
            above = sheet.above(segment)
            left = sheet.left_of(segment)
            for near in (above, left):
                if near is not None and " ".join(near.key) in RECIPIENTS:
                    score -= 0.4
            tokens = token_span(segment.tokens, 0, len(text))
            yield Candidate(
                text, text, max(0.05, min(score, 0.85)), "place", sheet.box_of(tokens)
                if segment.placed else None, (tokens[0].begin, tokens[-1].end),
            )  # fmt: skip


def _texts(segment: Segment) -> Iterator[Match]:
    """A stretch as a text: the whole, and what follows its first colon."""
    text = segment.text
    yield Match(0, len(text), text, 1.0)
    label, colon, value = text.partition(": ")
    if colon and value.strip():
        begin = len(label) + len(colon)
        yield Match(begin, len(text), value.strip(), 1.0)


def _candidate(
    match: Match, text: str, tokens: Sequence[Token], sheet: Sheet, score: float,
    source: FieldSource, examples: tuple[str, ...] = (),
) -> Candidate:  # fmt: skip
    inside = token_span(tokens, match.begin, match.end)
    # Unsure words make an unsure value, but hardly another one.
    read = sum(token.confidence for token in inside) / max(1, len(inside))
    known = any(token.left or token.top for token in inside)
    return Candidate(
        match.value,
        text[match.begin : match.end].strip(),
        score * (0.6 + 0.4 * read),
        source,
        sheet.box_of(inside) if inside and known else None,
        (inside[0].begin, inside[-1].end) if inside else None,
        examples,
    )
