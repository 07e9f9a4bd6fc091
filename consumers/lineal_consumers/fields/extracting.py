"""Extracts the fields of a document: what is likely, by labels and examples; what people said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lineal_consumers.fields.candidates import Candidate, Finder
from lineal_consumers.fields.definition import MARKS, ClassFields, FieldDefinition
from lineal_consumers.fields.labels import LabelFinder
from lineal_consumers.fields.memory import Example, Memory, layout_of
from lineal_consumers.fields.rules import NOT_FOUND, broken, checked, chosen
from lineal_consumers.fields.segments import Sheet, sheets_of, token_span, words_of
from lineal_consumers.fields.values import DateOrder, matches, normalized
from lineal_schemas.documents import PageBox
from lineal_schemas.fields import ExtractedField, FieldValues
from lineal_schemas.results import Analysis, TextResult

MAX_PAGES = 20
"""Of a document with more, those that follow are not looked at."""
_PAIR, _TEXT_PAIR = 0.93, 0.97
"""What a pair of the reading counts: it knows best how far a text goes."""
_SENDER_SIMILARITY = 0.4
"""From which likeness of layout on a sender is taken from examples."""


class Reading(NamedTuple):
    """A document as fields are looked for in it."""

    result: TextResult
    sheets: list[Sheet]
    order: DateOrder

    @classmethod
    def of(cls, result: TextResult, analysis: Analysis | None) -> Reading:
        """From what was read and what was found in it."""
        return cls(result, sheets_of(result, max_pages=MAX_PAGES), _date_order(result, analysis))


def _date_order(result: TextResult, analysis: Analysis | None) -> DateOrder:
    """Whether dates have the month first: as the analysis has read one that shows it."""
    if analysis is None:
        return DateOrder(month_first=False)
    for entity in analysis.entities:
        if entity.type != "DATE" or entity.value is None or "/" not in entity.text:
            continue
        first = entity.text.split("/")[0].strip()
        _, _, rest = entity.value.partition("-")
        month, _, day = rest.partition("-")
        if first.isdigit() and month != day[:2]:
            return DateOrder(month_first=int(first) == int(month or 0))
    return DateOrder(month_first=analysis.language == "en")


def extract_fields(
    reading: Reading,
    declared: ClassFields,
    document_class: str,
    memory: Memory,
    marks: Mapping[str, ExtractedField] | None = None,
) -> FieldValues:
    """The fields of a document.

    Args:
        marks: what was found on the images of the pages, by the name of the field.
    """
    people = _said_by_people(reading, declared)
    alike = memory.alike(layout_of(reading.sheets), document_class) if memory.examples else []
    finder_labels = LabelFinder(declared, memory.labels(document_class))
    labels = [label for sheet in reading.sheets for label in finder_labels.find(sheet)]
    finder = Finder(reading.sheets, labels, reading.order)
    found: dict[str, list[Candidate]] = {}
    for name, field in declared.fields.items():
        if field.type in MARKS:
            continue
        if name in people:
            found[name] = [people[name]]
        elif not _is_absent(name, alike):
            found[name] = _ranked(name, field, finder, reading, finder_labels, alike)
    best = chosen(declared, found, finder.amounts(), [example for _, example in alike])
    values = {
        name: (best[name].value or None) if name in best else None for name in declared.fields
    }
    tables = [table for page in reading.result.pages[:MAX_PAGES] for table in page.tables]
    sure = {
        part
        for name, field in declared.fields.items()
        if checked(field, name, values)
        for part in (name, *field.sum_of)
    }
    fields = []
    for name, field in declared.fields.items():
        if field.type in MARKS:
            mark = (marks or {}).get(name) or ExtractedField(
                name=name,
                type=field.type,
                value=None,
                problems=(NOT_FOUND,) if field.required and name not in people else (),
            )
            if name in people:
                said = people[name]
                mark = mark.model_copy(
                    update={
                        "value": said.value or None,
                        "confidence": 1.0,
                        "source": "person",
                        "problems": (),
                    }
                )
            fields.append(mark)
            continue
        problems = tuple(broken(name, field, values, tables))
        fields.append(_field(name, field, best.get(name), problems, sure=name in sure))
    return FieldValues(document_class=document_class, fields=tuple(fields))


def _field(
    name: str,
    field: FieldDefinition,
    best: Candidate | None,
    problems: tuple[str, ...],
    *,
    sure: bool,
) -> ExtractedField:
    if best is None:
        return ExtractedField(name=name, type=field.type, value=None, problems=problems)
    confidence = min(1.0, best.score)
    if sure:
        confidence = 1 - (1 - confidence) * 0.3
    if problems and best.source != "person":
        confidence *= 0.5
    return ExtractedField(
        name=name,
        type=field.type,
        value=best.value or None,  # a person has said that there is none
        text=best.text,
        confidence=round(confidence, 3),
        box=best.box,
        source=best.source,
        examples=best.examples,
        problems=problems,
    )


def _ranked(
    name: str,
    field: FieldDefinition,
    finder: Finder,
    reading: Reading,
    labels: LabelFinder,
    alike: Sequence[tuple[float, Example]],
) -> list[Candidate]:
    """The possible values of a field, the likeliest first."""
    taught = list(finder.taught(name, field, alike))
    # What examples of this layout have taught goes before what labels usually mean.
    trust = 0.55 if any(one.score >= 0.75 for one in taught) else 1.0
    found = [
        *taught,
        *(one.scaled(trust) for one in finder.labelled(name, field)),
        *(one.scaled(trust) for one in _key_values(name, field, reading, labels)),
        *(one.scaled(trust) for one in finder.unlabelled(name, field)),
    ]
    if field.sender:
        found += _known_senders(name, reading, alike)
    if field.pattern is not None:
        found = [one.scaled(1.0 if _fits(field, one) else 0.5) for one in found]
    kept: dict[tuple[str, tuple[int, int] | None], Candidate] = {}
    for one in found:
        key = one.value, one.tokens
        if key not in kept or kept[key].score < one.score:
            kept[key] = one
    return sorted(kept.values(), key=lambda one: -one.score)


def _fits(field: FieldDefinition, candidate: Candidate) -> bool:
    return field.pattern is None or re.fullmatch(field.pattern, candidate.value) is not None


def _is_absent(name: str, alike: Sequence[tuple[float, Example]]) -> bool:
    """Whether examples of this layout say that it has no such value."""
    said = [one.absent for _, example in alike for one in example.fields if one.name == name]
    return bool(said) and sum(said) * 2 > len(said)


def _known_senders(
    name: str, reading: Reading, alike: Sequence[tuple[float, Example]]
) -> Iterable[Candidate]:
    """Senders of examples of the same layout: certain where the name is on the page too."""
    text = " ".join(reading.result.text.casefold().split())
    for likeness, example in alike:
        for one in example.fields:
            if one.name == name and one.sender is not None and not one.absent:
                written = " ".join(one.sender.casefold().split()) in text
                score = 0.97 if written else min(0.9, 0.4 + likeness)
                if written or likeness >= _SENDER_SIMILARITY:
                    yield Candidate(
                        one.sender, one.sender, score, "learnt",
                        find_text(one.sender, reading.sheets), None, (example.document_id,),
                    )  # fmt: skip


def _key_values(
    name: str, field: FieldDefinition, reading: Reading, labels: LabelFinder
) -> Iterable[Candidate]:
    """Values that the reading has paired with a label: of form fields in a PDF, and of parsers."""
    for page in reading.result.pages[:MAX_PAGES]:
        for pair in page.key_values:
            if not labels.names(pair.key, name):
                continue
            for match in matches(field.type, pair.value, reading.order):
                box = None
                if pair.value_box is not None:
                    box = PageBox(
                        page=page.number,
                        left=min(1.0, max(0.0, pair.value_box.left)),
                        top=min(1.0, max(0.0, pair.value_box.top)),
                        width=min(1.0, max(0.0, pair.value_box.width)),
                        height=min(1.0, max(0.0, pair.value_box.height)),
                    )
                pair_score = _TEXT_PAIR if field.type == "text" else _PAIR
                certainty = 0.6 + 0.4 * min(1.0, max(0.0, pair.confidence))
                text = pair.value[match.begin : match.end]
                score = pair_score * match.fit * certainty
                yield Candidate(match.value, text, score, "label", box)


def _said_by_people(reading: Reading, declared: ClassFields) -> dict[str, Candidate]:
    """Values that people have said: a review brings them into the reading as pairs of the field's
    name and its value."""
    found: dict[str, Candidate] = {}
    for page in reading.result.pages:
        for pair in page.key_values:
            field = declared.fields.get(pair.key)
            if field is None or not pair.reviewed:
                continue
            value = (
                pair.value
                if field.type in MARKS
                else normalized(field.type, pair.value, reading.order)
            )
            box = find_value(field, value, reading)
            found[pair.key] = Candidate(value, pair.value, 1.0, "person", box)
    return found


def find_value(field: FieldDefinition, value: str, reading: Reading) -> PageBox | None:
    """Where a value is written; None where it is not, or where that is not known."""
    if field.type in MARKS or not value:
        return None
    if field.type == "text":
        return find_text(value, reading.sheets)
    for sheet in reading.sheets:
        for segment in sheet.segments:
            for match in matches(field.type, segment.text, reading.order):
                if match.value == value and segment.placed:
                    return sheet.box_of(token_span(segment.tokens, match.begin, match.end))
    return None


def find_text(text: str, sheets: Sequence[Sheet]) -> PageBox | None:
    """Where a text is written within one line."""
    wanted = words_of(text)
    if not wanted:
        return None
    for sheet in sheets:
        for segment in sheet.segments:
            for at in range(len(segment.tokens) - len(wanted) + 1):
                span = segment.tokens[at : at + len(wanted)]
                if segment.placed and words_of(" ".join(one.text for one in span)) == wanted:
                    return sheet.box_of(span)
    return None


def extract_objects(
    result: bytes,
    analysis: bytes,
    declared: ClassFields,
    document_class: str,
    memory: Path | None,
    content: Path | None,
    kind: str,
) -> FieldValues:
    """The fields of a document, from what the store holds.

    Args:
        memory: the file of the model in use; None where there is none.
        content: the document itself, where marks are to be looked for.
        kind: ``pdf`` or ``image``.
    """
    known = Memory()
    if memory is not None:
        known = Memory.model_validate_json(memory.read_bytes())
    marks: dict[str, ExtractedField] = {}
    if content is not None:
        from lineal_consumers.fields.marks import find_marks

        marks = find_marks(content, kind, result, declared)
    reading = Reading.of(TextResult.from_gzip(result), Analysis.from_gzip(analysis))
    return extract_fields(reading, declared, document_class, known, marks)
