"""Who a document is from, and of which day: recognised of letters and forms, learnt of people."""

from __future__ import annotations

import pytest

from lineal_consumers.fields.describing import CLASS, DESCRIPTION, recognize
from lineal_consumers.fields.memory import Memory
from lineal_consumers.fields.teaching import ExampleFile, example_of
from lineal_schemas.descriptions import RecognizedLabel
from lineal_schemas.fields import ExtractedField, FieldValues
from lineal_schemas.results import TextResult
from tests.consumers.fields.reading import read_invoice
from tests.consumers.fields.test_extracting import text_reading

LETTER = """Stadtwerke Exeter
12 Water Lane, Exeter

Ms Anna Braun
7 Hill Road

12 May 2026

Dear Ms Braun,
"""
GERMAN = """Finanzamt Musterstadt
Postfach 12, 12345 Musterstadt

Herrn
Max Muster

Musterstadt, den 4. April 2026

Einkommensteuerbescheid
"""
MAIL = """From: Ann Example <ann@example.com>
To: Bolt GmbH
Date: Tue, 3 Mar 2026 10:00:00 +0000
Subject: meeting
"""
LEASE = """LEASE AGREEMENT
between Acme Properties LLC ("Landlord") and Jane Roe
dated 1 June 2026
"""
TO_A_COMPANY = """To: Acme GmbH
Some Street 3

Date of birth: 1.1.1980
"""


def recognized(text: str, memory: Memory | None = None) -> dict[str, RecognizedLabel]:
    return recognize(text_reading(text), memory or Memory(), None, None).labels


@pytest.mark.parametrize(
    ("text", "correspondent", "date"),
    [
        (LETTER, "Stadtwerke Exeter", "2026-05-12"),
        (GERMAN, "Finanzamt Musterstadt", "2026-04-04"),
        (MAIL, "Ann Example", "2026-03-03"),
        (LEASE, None, "2026-06-01"),
        (TO_A_COMPANY, None, None),
        ("shopping list\nmilk\n", None, None),
        ("", None, None),
    ],
)
def test_heads_of_letters_and_labels_say_who_and_when(
    text: str, correspondent: str | None, date: str | None
) -> None:
    found = {key: label.value for key, label in recognized(text).items()}
    assert (found.get("correspondent"), found.get("date")) == (correspondent, date)


def taught(text: str, **said: str) -> Memory:
    """What one text teaches of which a person has said this."""
    people = FieldValues(
        document_class=CLASS,
        fields=tuple(
            ExtractedField(
                name=name, type=DESCRIPTION.fields[name].type, value=value, source="person"
            )
            for name, value in said.items()
        ),
    )
    result: TextResult = text_reading(text).result
    _, analysis = read_invoice(0, 0)
    made = example_of("taught", people, DESCRIPTION, result.to_gzip(), analysis.to_gzip())
    return Memory(examples=(ExampleFile.from_gzip(made).example,))


def test_a_name_that_a_person_said_is_recognised_in_the_same_layout_and_in_other_heads() -> None:
    head = "Ropes, chains, anchors since 1889\n\nTo whom it may concern\n\n"
    memory = taught(f"{head}our shop is closed", correspondent="Chandlery Quay")
    label = recognized(f"{head}new anchors have come", memory)["correspondent"]
    assert (label.value, label.source) == ("Chandlery Quay", "learnt")
    assert label.examples == ("taught",)

    other = recognized("The CHANDLERY QUAY, Exeter\n1 Quay\n\nReminder no. 2\n", memory)
    assert other["correspondent"].value == "Chandlery Quay"
    # Whom a letter is to has not sent it.
    sent = recognized("Stadtwerke Exeter\n1 Lane\nTo\nChandlery Quay\n", memory)
    assert sent["correspondent"].value == "Stadtwerke Exeter"


def test_the_fields_of_its_class_go_before_what_stands_somewhere() -> None:
    from lineal_consumers.fields.extracting import extract_fields
    from lineal_consumers.fields.invoice import INVOICE

    reading = text_reading(
        "Big Bank AG\n1 Road\n\nINVOICE\nSupplier: Kestrel Timber Ltd\nInvoice date: 3 March 2026\n"
    )
    values = extract_fields(reading, INVOICE, "invoice", Memory())
    found = recognize(reading, Memory(), values, INVOICE).labels
    assert found["correspondent"].value == "Kestrel Timber Ltd"
    assert found["date"].value == "2026-03-03"
