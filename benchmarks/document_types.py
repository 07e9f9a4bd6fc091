"""Documents of many types, made from a seed: 40 families of ten types that share most words.

A type has a title, fourteen labelled values of its family, two of its own, and a sentence or two. A
layout decides where they stand, in which order, in which wording (a title may be shortened, a label
has two wordings), what is left out, the font, and the letterhead. Layouts 0 to 3 are taught;
layouts 4 and 5 look otherwise, and are only asked about. Layouts from 1000 on are drawn by chance.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

TYPES = 400
_FAMILIES = 40
TAUGHT_LAYOUTS = (0, 1, 2, 3)
ASKED_LAYOUTS = (4, 5)

_SUBJECTS = (
    "loan", "mortgage", "escrow", "title", "property", "appraisal", "insurance", "tax", "income",
    "employment", "asset", "credit", "identity", "closing", "settlement", "disclosure",
    "occupancy", "flood", "wire", "payoff",
)  # fmt: skip
_KINDS = (
    "statement", "application", "certificate", "agreement", "notice", "report", "summary",
    "request", "receipt", "affidavit", "addendum", "schedule", "authorization", "verification",
    "estimate", "letter", "record", "declaration", "waiver", "form",
)  # fmt: skip
_QUALITIES = (
    "initial", "final", "annual", "monthly", "revised", "joint", "individual", "federal", "state",
    "local", "fixed", "adjustable", "uniform", "standard", "supplemental", "temporary", "interim",
    "general", "special", "corrected",
)  # fmt: skip
_THINGS = (
    "borrower", "lender", "seller", "buyer", "agent", "broker", "employer", "insurer", "account",
    "policy", "property", "parcel", "unit", "lot", "deed", "lien", "note", "rate", "term",
    "payment", "balance", "premium", "fee", "deposit", "reserve", "refund", "penalty", "interest",
    "principal", "income", "salary", "bonus", "asset", "debt", "score", "limit", "value", "price",
    "area", "year", "county", "district", "survey", "zone", "inspection", "permit", "license",
    "witness", "notary", "trustee", "guarantor", "tenant", "landlord", "bank", "branch",
    "officer", "reviewer", "case", "claim", "loss", "coverage", "deductible", "endorsement",
    "exemption", "assessment",
)  # fmt: skip
_PARTS = (
    "name", "number", "date", "amount", "address", "type", "status", "period", "code", "total",
    "share", "reason", "basis", "holder", "limit",
)  # fmt: skip
_VERBS = (
    "confirms", "declares", "requires", "states", "acknowledges", "receives", "pays",
    "authorizes", "reviews", "accepts", "transfers", "discloses", "waives", "verifies",
    "estimates",
)  # fmt: skip
_COMPANIES = ("Northbank", "Alder", "Summit", "Harbor", "Pinecrest", "Lakeside", "Granite", "Union")


class DocumentType(NamedTuple):
    """What all documents of a type have in common."""

    name: str
    title: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    """Each in two wordings."""
    sentences: tuple[str, ...]


@lru_cache(maxsize=1)
def document_types() -> tuple[DocumentType, ...]:
    """All of them, by number."""
    chance = random.Random("types")
    pairs = [(thing, part) for thing in _THINGS for part in _PARTS]
    titles = [(a, b, c) for a in _QUALITIES for b in _SUBJECTS for c in _KINDS]
    found = []
    for family in range(_FAMILIES):
        common = chance.sample(pairs, 18)
        subject = _SUBJECTS[family % len(_SUBJECTS)]
        kinds = chance.sample(_KINDS, 3)
        alike = [title for title in titles if title[1] == subject and title[2] in kinds]
        own_titles = chance.sample(alike, 10)
        for number in range(TYPES // _FAMILIES):
            labels = [*chance.sample(common, 14), *chance.sample(pairs, 2)]
            sentences = tuple(
                f"The {chance.choice(_THINGS)} {chance.choice(_VERBS)} the "
                f"{chance.choice(_THINGS)} of the {chance.choice(_THINGS)} and its "
                f"{chance.choice(_PARTS)}."
                for _ in range(3)
            )
            found.append(
                DocumentType(
                    f"type-{family * 10 + number:03}",
                    own_titles[number],
                    tuple((f"{a} {b}", f"{b} of {a}") for a, b in labels),
                    sentences,
                )
            )
    return tuple(found)


class _Layout(NamedTuple):
    title_at: str
    """left, centre, right, or foot."""
    short_title: bool
    values: str
    """beside the label, below it, or right, at the margin."""
    columns: int
    font: str
    size: float
    left_out: float
    """Share of labels."""
    wording: int
    letterhead: str


_LAYOUTS = (
    _Layout("left", False, "beside", 1, "Helvetica", 10, 0.35, 0, "left"),
    _Layout("centre", False, "below", 2, "Times-Roman", 11, 0.40, 0, "centre"),
    _Layout("right", True, "right", 1, "Helvetica", 9, 0.35, 1, "none"),
    _Layout("centre", False, "beside", 2, "Courier", 9, 0.45, 1, "foot"),
    _Layout("foot", False, "below", 1, "Helvetica", 10, 0.40, 0, "right"),
    _Layout("left", True, "right", 2, "Times-Roman", 10, 0.45, 1, "centre"),
)


DRAWN_LAYOUT = 1000
"""From this number on layouts are drawn by chance; they are for development alone."""


def _layout(layout: int) -> _Layout:
    if layout < DRAWN_LAYOUT:
        return _LAYOUTS[layout]
    chance = random.Random(f"layout {layout}")
    return _Layout(
        chance.choice(("left", "centre", "right", "foot")),
        chance.random() < 0.35,
        chance.choice(("beside", "below", "right")),
        chance.choice((1, 2)),
        chance.choice(("Helvetica", "Times-Roman", "Courier")),
        chance.choice((9, 10, 11)),
        chance.uniform(0.3, 0.5),
        chance.choice((0, 1)),
        chance.choice(("left", "centre", "none", "foot", "right")),
    )


def document(number: int, layout: int, seed: int, pages: int = 1) -> bytes:
    """A PDF of a type in a layout; further pages go on with values and say so at their foot."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=True)
    draw(canvas, number, layout, seed, pages)
    canvas.save()
    return out.getvalue()


def draw(canvas: Any, number: int, layout: int, seed: int, pages: int = 1) -> None:
    """The same onto the next pages of a reportlab canvas."""
    kind, style = document_types()[number], _layout(layout)
    chance = random.Random(f"document {number} {layout} {seed}")
    order = list(kind.labels)
    random.Random(f"order {number} {layout}").shuffle(order)
    kept = [pair[style.wording] for pair in order if chance.random() >= style.left_out]
    numbered = chance.random() < 0.5
    company = f"{chance.choice(_COMPANIES)} {chance.choice(('Bank', 'Mortgage', 'Title'))}"
    for page in range(pages):
        _page(canvas, kind, style, kept, chance, page, company, numbered, pages)


def _page(
    canvas: Any, kind: DocumentType, style: _Layout, labels: Sequence[str],
    chance: random.Random, page: int, company: str, numbered: bool, pages: int,
) -> None:  # fmt: skip
    at = {
        "left": lambda y, text: canvas.drawString(60, y, text),
        "centre": lambda y, text: canvas.drawCentredString(297, y, text),
        "right": lambda y, text: canvas.drawRightString(535, y, text),
    }
    # Of documents of several pages some have their letterhead, and some a heading, on each page;
    # and some have a title that is no larger than the rest.
    repeated = random.Random(f"{company} {labels[:2]} {pages}")
    with_head, with_heading, plain = (repeated.random() < share for share in (0.4, 0.4, 0.15))
    if style.letterhead in at and (page == 0 or with_head):
        canvas.setFont(style.font, style.size + 1)
        at[style.letterhead](805, _noisy(f"{company}, {chance.randint(1, 99)} Main Street", chance))
    if page == 0:
        words = kind.title[1:] if style.short_title else kind.title
        canvas.setFont(style.font, style.size + (0 if plain and pages > 1 else 5))
        side, height = (style.title_at, 770) if style.title_at in at else ("centre", 60)
        at[side](height, _noisy(" ".join(words).title(), chance))
    elif with_heading and labels:
        canvas.setFont(style.font, style.size + 4)
        canvas.drawString(60, 770, _noisy(chance.choice(labels).title(), chance))
    canvas.setFont(style.font, style.size)
    y, step = 730.0, 2.0 * style.size
    body = labels if page == 0 else chance.sample(labels, max(1, len(labels) // 2))
    for place, label in enumerate(body):
        column = place % style.columns
        left = 60 + 240 * column
        value = _value(chance)
        text = _noisy(label.capitalize(), chance)
        if style.values == "beside":
            canvas.drawString(left, y, f"{text}: {value}")
        elif style.values == "below":
            canvas.drawString(left, y, text)
            canvas.drawString(left, y - 1.1 * style.size, value)
        else:
            canvas.drawString(left, y, text)
            canvas.drawRightString(left + 230, y, value)
        if column == style.columns - 1:
            y -= step * (1.4 if style.values == "below" else 1.0)
    y -= 2 * step
    for sentence in chance.sample(kind.sentences, 2):
        canvas.drawString(60, y, _noisy(sentence, chance))
        y -= 1.4 * style.size
    if style.letterhead == "foot":
        canvas.drawCentredString(297, 40, company)
    if numbered and pages > 1:
        canvas.drawCentredString(297, 25, f"Page {page + 1} of {pages}")
    canvas.showPage()


def _value(chance: random.Random) -> str:
    return chance.choice(
        (
            f"{chance.randint(1, 28):02}/{chance.randint(1, 12):02}/20{chance.randint(10, 26)}",
            f"{chance.randint(100, 999_999):,}.{chance.randint(0, 99):02}",
            f"{chance.choice('ABCDEFGH')}{chance.randint(10_000, 99_999)}",
            " ".join(chance.sample(("Ann", "Moreau", "Carter", "Ruiz", "Lee", "Okafor"), 2)),
        )
    )


def _noisy(text: str, chance: random.Random) -> str:
    """As recognition reads it: one letter of fifty is another."""
    return "".join(
        chance.choice("abcdeilmnorstu") if letter.isalpha() and chance.random() < 0.02 else letter
        for letter in text
    )
