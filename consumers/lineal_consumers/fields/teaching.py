"""Makes examples of corrected documents, and measures what others teach about them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from lineal_consumers.fields.definition import MARKS, ClassFields
from lineal_consumers.fields.extracting import Reading, extract_fields
from lineal_consumers.fields.labels import is_near
from lineal_consumers.fields.memory import Example, Memory, Place, TaughtField, layout_of
from lineal_consumers.fields.segments import token_span, words_of
from lineal_consumers.fields.values import matches
from lineal_schemas.fields import FieldValues
from lineal_schemas.results import Analysis, TextResult


class ExampleFile(BaseModel):
    """What is kept of a corrected document to learn from, and to evaluate on."""

    model_config = ConfigDict(frozen=True)

    example: Example
    declared: ClassFields
    truth: dict[str, str]
    """What people said, normalised; an empty text: there is no such value."""
    result: TextResult
    """As it was read, without what people said of the fields."""
    analysis: Analysis

    def to_gzip(self) -> bytes:
        """As it is stored."""
        return gzip.compress(self.model_dump_json().encode(), compresslevel=6, mtime=0)

    @classmethod
    def from_gzip(cls, data: bytes) -> ExampleFile:
        """Read what :meth:`to_gzip` wrote."""
        return cls.model_validate_json(gzip.decompress(data))


def example_of(
    document_id: str, values: FieldValues, declared: ClassFields, result: bytes, analysis: bytes
) -> bytes:
    """The example that a document makes of which people have said fields."""
    read = TextResult.from_gzip(result)
    analysed = Analysis.from_gzip(analysis)
    reading = Reading.of(read, analysed)
    truth = {
        field.name: field.value or ""
        for field in values.fields
        if field.source == "person" and field.type not in MARKS
    }
    taught = tuple(
        _taught(name, value, declared, reading)
        for name, value in truth.items()
        if name in declared.fields
    )
    pages = tuple(
        page.model_copy(
            update={
                "key_values": tuple(
                    pair
                    for pair in page.key_values
                    if not (pair.reviewed and pair.key in declared.fields)
                )
            }
        )
        for page in read.pages
    )
    example = Example(
        document_id=document_id,
        document_class=values.document_class,
        layout=layout_of(reading.sheets),
        fields=taught,
    )
    return ExampleFile(
        example=example,
        declared=declared,
        truth=truth,
        result=read.model_copy(update={"pages": pages}),
        analysis=analysed,
    ).to_gzip()


def _taught(name: str, value: str, declared: ClassFields, reading: Reading) -> TaughtField:
    field = declared.fields[name]
    if not value:
        return TaughtField(name=name, absent=True)
    place = _place_of(value, name, declared, reading)
    return TaughtField(
        name=name,
        surroundings=None if place is None else place.surroundings(value),
        sender=value if field.sender else None,
    )


def _place_of(value: str, name: str, declared: ClassFields, reading: Reading) -> Place | None:
    """Where a value is written; of several places the one that has a label left of it or above it,
    else the first. A value that was misread is found where all but a letter is the same."""
    field = declared.fields[name]
    wanted = words_of(value)
    exact: list[Place] = []
    similar: list[Place] = []
    for sheet in reading.sheets:
        for segment in sheet.segments:
            text = segment.text
            if field.type == "text":
                for at in range(len(segment.tokens) - len(wanted) + 1):
                    tokens = segment.tokens[at : at + len(wanted)]
                    if words_of(" ".join(one.text for one in tokens)) == wanted:
                        begin = len(" ".join(one.text for one in segment.tokens[:at]))
                        exact.append(
                            Place(sheet, segment, list(tokens), begin, len(reading.sheets))
                        )
                continue
            for match in matches(field.type, text, reading.order):
                tokens = token_span(segment.tokens, match.begin, match.end)
                place = Place(sheet, segment, tokens, match.begin, len(reading.sheets))
                if match.value == value:
                    exact.append(place)
                elif is_near(match.value, value):
                    similar.append(place)
    found = exact or similar
    if not found:
        return None
    labels = [words_of(label) for label in field.labels]

    def rank(place: Place) -> int:
        around = place.surroundings(value)
        near = [words_of(one) for one in (around.prefix, around.left, around.above)]
        return 0 if any(one in labels for one in near) else 1 if any(near[:2]) else 2

    return min(found, key=rank)


class Accuracy(NamedTuple):
    """How many values of how many were found as people have said them."""

    right: int
    of: int


def left_out_accuracy(memory: Memory, files: Sequence[Path]) -> Accuracy:
    """Each example extracted with a memory of all others: leave-one-out. Nothing is measured on
    what it was learnt from."""
    right = total = 0
    for file in files:
        known = ExampleFile.from_gzip(file.read_bytes())
        reading = Reading.of(known.result, known.analysis)
        found = extract_fields(
            reading, known.declared, known.example.document_class,
            memory.without(known.example.document_id),
        )  # fmt: skip
        values = {field.name: field.value or "" for field in found.fields}
        total += len(known.truth)
        right += sum(values.get(name, "") == said for name, said in known.truth.items())
    return Accuracy(right, total)
