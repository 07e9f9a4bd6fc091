"""Brings what people have said into what the machine has read.

A correction was made on one reading. A later one, of another version of a stage, is merged with it
word by word: what the person changed is changed again, what the machine reads anew is taken, and
where both changed the same words the person's stay, and the page is named as a conflict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import NamedTuple

from lineal_catalog.reviews.word_places import place_words
from lineal_schemas.fields import FieldValues
from lineal_schemas.results import PAGE_SEPARATOR, KeyValue, Page, Table, TextResult, Word
from lineal_schemas.reviews import FieldValue, PageText, ReviewValue, TableRows

_TOKEN = re.compile(r"\S+|\s+")

Rows = tuple[tuple[str, ...], ...]
"""Of a table."""


class Answer(NamedTuple):
    """What stood there, and what a person said."""

    before: ReviewValue
    after: ReviewValue


@dataclass(slots=True)
class Corrections:
    """What people have said of one document, all answers taken together.

    Of each part: what the machine had said, and what holds now.
    """

    pages: dict[int, tuple[str, str]] = field(default_factory=dict)
    fields: dict[tuple[int, str], tuple[str | None, str]] = field(default_factory=dict)
    tables: dict[tuple[int, int], tuple[Rows, Rows]] = field(default_factory=dict)
    document_class: tuple[str | None, str] | None = None

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Corrections:
        """From the answers in their order. One that follows another on the same part keeps what the
        machine had said."""
        found = cls()
        for before, after in answers:
            old_pages = {item.page: item.text for item in before.pages}
            for item in after.pages:
                base, held = found.pages.get(item.page, ("", None))
                was = old_pages.get(item.page, "")
                found.pages[item.page] = (base if held == was else was, item.text)
            old_fields = {(item.page, item.key): item.value for item in before.fields}
            for entry in after.fields:
                key = entry.page, entry.key
                known = found.fields.get(key)
                was_value = old_fields.get(key)
                first = known[0] if known is not None and known[1] == was_value else was_value
                found.fields[key] = (first, entry.value)
            old_tables = {(item.page, item.table): item.rows for item in before.tables}
            for table in after.tables:
                place = table.page, table.table
                found.tables[place] = (old_tables.get(place, ()), table.rows)
            if after.document_class is not None:
                said = found.document_class
                was_class = before.document_class
                first_class = said[0] if said is not None and said[1] == was_class else was_class
                found.document_class = (first_class, after.document_class)
        return found

    @property
    def changes_reading(self) -> bool:
        """Whether text or tables were said to be something else, or a field to be anything: also
        that a value is right is worth keeping."""
        pairs: list[tuple[object, object]] = [*self.pages.values(), *self.tables.values()]
        return bool(self.fields) or any(old != new for old, new in pairs)


class Corrected(NamedTuple):
    """A reading with what people have said of it."""

    result: TextResult
    conflicts: tuple[int, ...]
    """Pages on which the machine now reads other words where a person had changed some."""


def machine_value(
    result: TextResult | None,
    document_class: str | None,
    like: ReviewValue,
    extracted: FieldValues | None = None,
) -> ReviewValue:
    """What stands now of the parts that a value speaks of.

    Args:
        extracted: the fields that are declared for its class, whose names are keys as well.
    """
    pages: tuple[PageText, ...] = ()
    fields: tuple[FieldValue, ...] = ()
    tables: tuple[TableRows, ...] = ()
    if result is not None:
        known = {page.number: page for page in result.pages}
        pages = tuple(
            PageText(page=item.page, text=page_text(result, known[item.page]))
            for item in like.pages
            if item.page in known
        )
        values = {
            (page.number, pair.key): pair.value
            for page in reversed(result.pages)
            for pair in reversed(page.key_values)
        }
        declared = {field.name: field.value for field in extracted.fields} if extracted else {}
        fields = tuple(
            item.model_copy(update={"value": value})
            for item in like.fields
            if (value := declared.get(item.key) or values.get((item.page, item.key))) is not None
        )
        tables = tuple(
            item.model_copy(update={"rows": known[item.page].tables[item.table].rows})
            for item in like.tables
            if item.page in known and item.table < len(known[item.page].tables)
        )
    return ReviewValue(
        document_class=document_class if like.document_class is not None else None,
        pages=pages,
        fields=fields,
        tables=tables,
        redactions=() if like.redactions is not None else None,
        verdict="anomaly" if like.verdict is not None else None,
    )


def page_text(result: TextResult, page: Page) -> str:
    """The text of one page."""
    return result.text[page.begin : page.end]


def correct(result: TextResult, corrections: Corrections) -> Corrected:
    """A reading with all that people have said of it."""
    pages: list[Page] = []
    texts: list[str] = []
    conflicts: list[int] = []
    offset = 0
    for page in result.pages:
        text = page_text(result, page)
        said = corrections.pages.get(page.number)
        changed = page
        if said is not None:
            merged, clean = merge(said[0], said[1], text)
            if not clean:
                conflicts.append(page.number)
            words = place_words(text, merged, page)
            # A person has looked: what was doubted is not any more.
            update = {"words": words, "doubts": (), "doubt_places": ()}
            changed = changed.model_copy(update=update)
            text = merged
        changed = _with_fields(changed, corrections)
        changed = _with_tables(changed, corrections)
        moved = changed.model_copy(update={"begin": 0, "end": len(text)})
        if said is None:
            # Offsets count from the beginning of the document.
            back = tuple(
                Word(word[0] - page.begin, word[1] - page.begin, *word[2:]) for word in page.words
            )
            moved = moved.model_copy(update={"words": back})
        pages.append(moved.moved(offset))
        texts.append(text)
        offset += len(text) + len(PAGE_SEPARATOR)
    joined = TextResult(engines=result.engines, text=PAGE_SEPARATOR.join(texts), pages=tuple(pages))
    return Corrected(joined, tuple(conflicts))


def merge(base: str, mine: str, other: str) -> tuple[str, bool]:
    """Three-way merge by words: what ``mine`` changed of ``base``, in ``other``.

    Returns:
        The text, and whether nothing was changed by both in different ways. Where it was, mine
        stays.
    """
    if other in (base, mine) or base == mine:
        return (other if base == mine else mine), True
    tokens = _TOKEN.findall(base)
    own = _changes(tokens, _TOKEN.findall(mine))
    theirs = _changes(tokens, _TOKEN.findall(other))
    clean = True
    kept = list(own)
    for change in theirs:
        overlapping = [item for item in own if _overlap(item, change)]
        if not overlapping:
            kept.append(change)
        elif overlapping != [change]:
            clean = False
    out: list[str] = []
    at = 0
    for begin, end, tokens_in in sorted(kept, key=lambda item: (item[0], item[1])):
        out += tokens[at:begin]
        out += tokens_in
        at = max(at, end)
    out += tokens[at:]
    return "".join(out), clean


_Change = tuple[int, int, tuple[str, ...]]


def _changes(base: Sequence[str], changed: Sequence[str]) -> list[_Change]:
    matcher = SequenceMatcher(None, base, changed, autojunk=False)
    return [
        (i1, i2, tuple(changed[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _overlap(one: _Change, other: _Change) -> bool:
    if one[:2] == other[:2]:  # two insertions at one place as well
        return True
    return one[0] < other[1] and other[0] < one[1]


def _with_fields(page: Page, corrections: Corrections) -> Page:
    said = {key: new for (number, key), (_, new) in corrections.fields.items()
            if number == page.number}  # fmt: skip
    if not said:
        return page
    pairs: list[KeyValue] = []
    for pair in page.key_values:
        value = said.pop(pair.key, None)
        pairs.append(
            pair
            if value is None
            else pair.model_copy(update={"value": value, "confidence": 1.0, "reviewed": True})
        )
    pairs += [
        KeyValue(key=key, value=value, confidence=1.0, reviewed=True) for key, value in said.items()
    ]
    return page.model_copy(update={"key_values": tuple(pairs)})


def _with_tables(page: Page, corrections: Corrections) -> Page:
    tables = list(page.tables)
    for (number, place), (_, rows) in sorted(corrections.tables.items()):
        if number != page.number:
            continue
        if place < len(tables):
            tables[place] = tables[place].model_copy(update={"rows": rows, "confidence": 1.0})
        else:
            tables.append(Table(rows=rows, confidence=1.0))
    return page.model_copy(update={"tables": tuple(tables)}) if tables else page
