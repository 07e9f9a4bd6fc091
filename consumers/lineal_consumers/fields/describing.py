"""Recognises who a document is from and of which day it is, whatever its class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lineal_consumers.fields.candidates import COMPANY, RECIPIENTS, Candidate
from lineal_consumers.fields.definition import ClassFields, FieldDefinition
from lineal_consumers.fields.extracting import Reading, extract_fields
from lineal_consumers.fields.invoice import INVOICE
from lineal_consumers.fields.memory import Memory
from lineal_consumers.fields.segments import Segment, words_of
from lineal_consumers.fields.values import matches
from lineal_schemas.descriptions import RecognizedDescription, RecognizedLabel
from lineal_schemas.fields import ExtractedField, FieldValues
from lineal_schemas.results import Analysis, TextResult

CLASS = "description"
"""Under this name of a class the memory holds what people have said of correspondents and dates."""
CORRESPONDENT, DATE = "correspondent", "date"
DESCRIPTION = ClassFields(
    fields={
        CORRESPONDENT: FieldDefinition(
            type="text",
            sender=True,
            labels=(
                "from", "sender", "issued by", "supplier", "vendor", "seller", "remit to",
                "absender", "von", "lieferant", "aussteller", "rechnungssteller",
            ),
        ),
        DATE: FieldDefinition(
            type="date",
            labels=(
                "date", "dated", "date of issue", "issue date", "issued", "issued on",
                "document date", "letter date", "date of letter", "statement date", "invoice date",
                "report date", "date of report", "sent", "effective date", "datum",
                "rechnungsdatum", "ausstellungsdatum", "belegdatum", "briefdatum", "ausgestellt am",
                "gesendet",
            ),
        ),
    },
    other_labels=(
        *INVOICE.other_labels, *INVOICE.fields["due_date"].labels, *sorted(RECIPIENTS),
        "date of birth", "birth date", "geburtsdatum", "born", "print date", "expiry date",
        "valid until", "gültig bis", "maturity date", "start date", "end date", "re", "subject",
        "betreff", "cc",
    ),
)  # fmt: skip
MIN_CONFIDENCE = 0.5
"""What is less sure is not said."""
_KNOWN = 0.8
"""How sure a correspondent is whose name, known from elsewhere, is in the head of the page."""
_TOP, _HEAD, _DATED, _FOOT = 0.13, 0.2, 0.45, 0.88
"""Parts of a page's height: letterheads are above windows of envelopes."""
_LONGEST, _WORDS = 100, 8
_TITLES = frozenset((
    "agreement", "anschreiben", "antrag", "application", "abrechnung", "bericht", "bescheid",
    "bestellung", "bill", "card", "certificate", "confirmation", "contract", "copy", "delivery",
    "disclosure", "einkommen", "form", "gehaltsabrechnung", "invoice", "kontoauszug", "kopie",
    "letter", "lieferschein", "mahnung", "memo", "minutes", "note", "notice", "offer", "order",
    "page", "payslip", "policy", "protokoll", "quotation", "receipt", "rechnung", "reminder",
    "report", "seite", "statement", "subject", "summary", "termination", "ticket", "vertrag",
    "warning", "zeugnis", "angebot", "kündigung", "dear", "sehr", "hello", "betreff", "re",
))  # fmt: skip
"""Words of titles and beginnings of letters: no names of who has sent them, but for companies."""


def recognize(
    reading: Reading, memory: Memory, values: FieldValues | None, declared: ClassFields | None
) -> RecognizedDescription:
    """Who a document is from, and of which day it is.

    What people have taught goes first; then the fields of its class; then what stands beside a
    label or where senders and dates of letters stand.

    Args:
        values: the fields that were found; None where its class has none.
        declared: what is declared for its class.
    """
    found = extract_fields(reading, DESCRIPTION, CLASS, memory)
    own = {one.name: one for one in found.fields}
    sender = _own_field(values, declared, CORRESPONDENT)
    day = _own_field(values, declared, DATE)
    candidates = {
        CORRESPONDENT: [
            *_learnt(own[CORRESPONDENT]), *_known(reading, memory), *_sure(sender),
            *(() if own[CORRESPONDENT].source == "place" else _sure(own[CORRESPONDENT])),
            *_letterhead(reading),
        ],
        DATE: [
            *_learnt(own[DATE]), *_sure(day), *_sure(own[DATE]), *_alone(reading),
        ],
    }  # fmt: skip
    labels = {key: chosen[0] for key, chosen in candidates.items() if chosen}
    return RecognizedDescription(labels=labels)


def recognize_objects(
    result: bytes,
    analysis: bytes,
    memory: Path | None,
    values: FieldValues | None,
    declared: ClassFields | None,
) -> RecognizedDescription:
    """As :func:`recognize`, from what the store holds."""
    known = Memory()
    if memory is not None:
        known = Memory.model_validate_json(memory.read_bytes())
    reading = Reading.of(TextResult.from_gzip(result), Analysis.from_gzip(analysis))
    return recognize(reading, known, values, declared)


def _own_field(
    values: FieldValues | None, declared: ClassFields | None, key: str
) -> ExtractedField | None:
    """The field of a document's class that says the same: its sender, or what is called date."""
    for field in () if values is None or declared is None else values.fields:
        definition = declared.fields.get(field.name) if declared is not None else None
        if definition is None:
            continue
        if definition.sender if key == CORRESPONDENT else field.name == DATE == definition.type:
            return field
    return None


def _sure(field: ExtractedField | None) -> Iterator[RecognizedLabel]:
    if field is None or not field.value or field.source is None:
        return
    if field.confidence >= MIN_CONFIDENCE:
        yield RecognizedLabel(
            value=_plain(field.value), source=field.source, confidence=field.confidence,
            examples=field.examples,
        )  # fmt: skip


def _learnt(field: ExtractedField) -> Iterator[RecognizedLabel]:
    if field.source == "learnt":
        yield from _sure(field)


def _plain(name: str) -> str:
    """A name without the address of a mail behind it."""
    return (re.sub(r"\s*<[^<>]*>", "", name).strip(' "') or name)[:_LONGEST]


def _letterhead(reading: Reading) -> Iterator[RecognizedLabel]:
    """Who has sent a letter by its head, where there is one: a company at the very top, in large
    letters or in the foot, or a name with its address under it that begins the page.

    What stands further down is whom it is to, who is more often a person of the house.
    """
    if not reading.sheets:
        return
    sheet = reading.sheets[0]
    segments = list(sheet.segments)
    heights = sorted(segment.height for segment in segments)
    usual = max(heights[len(heights) // 2], 1.0) if heights else 1.0
    for number, segment in enumerate(segments):
        top = segment.top / sheet.height
        first = number == 0
        if _FOOT > top > _HEAD:
            continue
        at_top = first or (segment.placed and (top < _TOP or segment.height > 1.2 * usual))
        if not (at_top or top >= _FOOT):
            continue
        parts = re.split(r"\s[·|•–-]\s", segment.text)
        name = _company(parts[0])
        if name is not None:
            yield RecognizedLabel(value=name, source="place", confidence=0.7)
            return
        has_address = len(parts) > 1 or (
            number + 1 < len(segments) and re.search(r"\d", segments[number + 1].text)
        )
        if first and has_address and _is_name(parts[0]):
            yield RecognizedLabel(value=parts[0].strip(" ,"), source="place", confidence=0.6)
            return


def _company(text: str) -> str | None:
    """The name of a company that a line is; None where it is a sentence or has a label."""
    found = COMPANY.search(text)
    if found is None or ":" in text:
        return None
    name = (text[: found.end()] if ", " in text[found.end() :] else text).strip(" ,;")
    if len(name.split()) > _WORDS or not name[:1].isupper():
        return None
    return name[:_LONGEST]


def _is_name(text: str) -> bool:
    """Whether a line can be a name: neither a title nor a greeting, without numbers."""
    words = words_of(text)
    return (
        0 < len(words) <= _WORDS
        and text.strip()[:1].isupper()
        and sum(letter.isalpha() for letter in text) >= 3
        and not any(letter.isdigit() or letter in ":;!?@" for letter in text)
        and not _TITLES.intersection(words)
        and " ".join(words) not in RECIPIENTS
    )


def _known(reading: Reading, memory: Memory) -> Iterator[RecognizedLabel]:
    """A correspondent whom people have named on another document, in the head of this page."""
    names: dict[str, tuple[str, list[str]]] = {}
    for example in memory.examples:
        for one in example.fields:
            if one.sender and not one.absent and len(one.sender) > 3:
                key = " ".join(words_of(one.sender))
                names.setdefault(key, (one.sender, []))[1].append(example.document_id)
    if not names or not reading.sheets:
        return
    sheet = reading.sheets[0]
    for segment in sheet.segments:
        if segment.top > _HEAD * sheet.height:
            return
        above = sheet.above(segment)
        if above is not None and " ".join(above.key) in RECIPIENTS:
            continue
        text = f" {' '.join(segment.key)} "
        for key, (name, examples) in names.items():
            if f" {key} " in text:
                yield RecognizedLabel(
                    value=name, source="learnt", confidence=_KNOWN, examples=tuple(examples[-3:])
                )
                return


def _alone(reading: Reading) -> Iterator[RecognizedLabel]:
    """A date that stands by itself in the upper part of the first page, as letters have theirs;
    only if there is but one."""
    if not reading.sheets:
        return
    sheet = reading.sheets[0]
    found: list[Candidate] = []
    for segment in sheet.segments:
        if segment.top > _DATED * sheet.height:
            break
        found += _date_alone(segment, reading)
    if found and len({one.value for one in found}) == 1:
        yield RecognizedLabel(value=found[0].value, source="place", confidence=found[0].score)


def _date_alone(segment: Segment, reading: Reading) -> Iterator[Candidate]:
    text = segment.text
    for match in matches("date", text, reading.order):
        before, after = text[: match.begin].strip(), text[match.end :].strip(" .,")
        before = re.sub(r"(^|\s)(the|den|am|on|vom)$", "", before, flags=re.I)
        place = before.endswith(",") and len(before.split()) <= 3
        if (place or not before) and not after:
            yield Candidate(match.value, text, 0.7, "place")
