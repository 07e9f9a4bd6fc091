"""Finds labelled values, as "Name: John Smith", or a label with the value below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

PERSON_LABELS = frozenset(
    {
        "name", "full name", "patient", "patient name", "employee", "employee name", "applicant",
        "applicant name", "contact", "contact name", "contact person", "customer name",
        "client name", "attn", "attention", "account holder", "cardholder", "cardholder name",
        "signed by", "prepared by", "approved by", "author", "recipient", "sender", "salesperson",
        "sales person", "cashier", "name des kunden", "ansprechpartner", "nom", "nombre",
        "borrower", "tenant", "landlord", "buyer", "seller", "insured", "beneficiary", "spouse",
        "student", "student name", "candidate", "interviewer", "manager", "supervisor", "witness",
        "print name", "printed name", "vorname", "nachname", "sachbearbeiter",
    }
)  # fmt: skip
"""A person follows."""

PARTY_LABELS = frozenset(
    {
        "bill to", "billed to", "ship to", "sold to", "invoice to", "deliver to", "customer",
        "client", "from", "to", "cc", "payee", "pay to the order of", "kunde", "an", "von", "de",
        "remit to", "issued to", "issued by",
    }
)  # fmt: skip
"""A person or an organisation follows, often with the address below."""

ORGANIZATION_LABELS = frozenset(
    {
        "company", "company name", "vendor", "vendor name", "supplier", "employer", "organization",
        "organisation", "merchant", "bank", "bank name", "firma", "société", "empresa",
        "insurance company", "manufacturer", "carrier", "institution",
    }
)  # fmt: skip
"""An organisation follows."""

ADDRESS_LABELS = frozenset(
    {
        "address", "street", "street address", "mailing address", "home address",
        "billing address", "shipping address", "adresse", "anschrift", "dirección", "residence",
        "property address", "current address", "permanent address",
    }
)  # fmt: skip
"""A postal address follows."""

_KNOWN = PERSON_LABELS | PARTY_LABELS | ORGANIZATION_LABELS | ADDRESS_LABELS
_LABELLED = re.compile(
    r"(?:^|\t|[ ]{2,}|\|)[ \t]{0,40}(?P<label>[^\W\d_][^:：\n\t|]{0,30}?)[ \t]{0,8}[:：]"
    r"(?:[ \t]{0,40}(?P<value>[^\s:|][^\n\t|:]{0,118}?)(?=[ ]{2,}|[ ]?[\t|\n]|[ ]*$|:)"
    r"|[ \t]{0,40}\n[ \t]{0,40}(?P<below>[^\s:|][^\n\t|:]{0,118})(?=[\t|\n]|$))",
    re.MULTILINE,
)


class Labelled(NamedTuple):
    label: str
    """In lower case, one of the labels known here."""
    value: str
    begin: int
    end: int


def labelled_values(text: str) -> Iterator[Labelled]:
    """The values after a known label, or on the line below one."""
    if ":" not in text and "：" not in text:
        return
    for match in _LABELLED.finditer(text):
        label = " ".join(match["label"].lower().split())
        if label not in _KNOWN:
            continue
        group = "value" if match["value"] is not None else "below"
        value = match[group].rstrip()
        begin = match.start(group)
        if text[match.end(group) : match.end(group) + 1] == ":":
            # Two fields on one line: "Name: Ann Lee Date: ..." ends before the second label.
            value = value.rpartition(" ")[0].rstrip()
        if value:
            yield Labelled(label, value, begin, begin + len(value))
