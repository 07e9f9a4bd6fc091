"""Filled-in application forms of made-up organisations, each with a layout of its own, and what is
written and ticked on them.

A layout is drawn from a seed: language, words of its labels (some that hardly anybody uses),
numbered or not, labels left of values on a line to write on, small above them, or in the cells of a
table, one or two columns, fonts, where boxes to tick stand and how they are ticked. Who has filled
a form in is drawn from its number; two fields in five that need not be filled in are left empty.
"""

from __future__ import annotations

import io
import random
from datetime import date, timedelta
from typing import Any, NamedTuple

from lineal_consumers.fields.definition import ClassFields, FieldDefinition

FORM = ClassFields(
    fields={
        "full_name": FieldDefinition(
            type="text", required=True,
            labels=("full name", "name", "applicant", "name of applicant", "name und vorname",
                    "antragsteller", "vor- und nachname"),
        ),
        "birth_date": FieldDefinition(
            type="date", required=True,
            labels=("date of birth", "born on", "birth date", "geburtsdatum", "geboren am"),
        ),
        "street": FieldDefinition(
            type="text", labels=("street", "street and number", "address", "home address",
                                 "straße", "straße und hausnummer", "anschrift"),
        ),
        "town": FieldDefinition(
            type="text", labels=("town", "city", "town and postcode", "ort", "plz und ort",
                                 "wohnort"),
        ),
        "phone": FieldDefinition(
            type="text", labels=("phone", "telephone", "phone number", "telefon",
                                 "telefonnummer"),
        ),
        "member_number": FieldDefinition(
            type="id", labels=("member number", "membership no", "member id", "mitgliedsnummer",
                               "mitglieds-nr"),
        ),
        "fee": FieldDefinition(
            type="amount", labels=("annual fee", "yearly contribution", "fee", "jahresbeitrag",
                                   "beitrag"),
        ),
        "begin": FieldDefinition(
            type="date", labels=("start date", "member from", "beginning", "beginn",
                                 "mitglied ab"),
        ),
        "newsletter": FieldDefinition(
            type="checkbox", labels=("send me the newsletter", "newsletter"),
        ),
        "terms": FieldDefinition(
            type="checkbox", labels=("i accept the terms", "ich nehme die bedingungen an"),
        ),
        "signature": FieldDefinition(
            type="signature", labels=("signature", "signed", "unterschrift"),
        ),
    },
)  # fmt: skip
"""What is declared of the class: no layout has all of its labels from here."""

_LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "full_name": ("Full name", "Name", "Applicant", "Name of applicant", "Who is applying"),
        "birth_date": ("Date of birth", "Born on", "Birth date", "Birthday", "DOB"),
        "street": ("Street", "Street and number", "Address", "Home address", "Residing at"),
        "town": ("Town", "City", "Town and postcode", "Postal town"),
        "phone": ("Phone", "Telephone", "Phone number", "Tel.", "Reach me at"),
        "member_number": ("Member number", "Membership no.", "Member ID", "Card no."),
        "fee": ("Annual fee", "Yearly contribution", "Fee", "Amount per year"),
        "begin": ("Start date", "Member from", "Beginning", "To begin on"),
    },
    "de": {
        "full_name": ("Vor- und Nachname", "Antragsteller", "Name", "Name und Vorname",
                      "Ihr Name"),
        "birth_date": ("Geburtsdatum", "Geboren am", "geb."),
        "street": ("Straße", "Straße und Hausnummer", "Anschrift", "Wohnhaft in"),
        "town": ("Ort", "PLZ und Ort", "Wohnort", "PLZ/Ort"),
        "phone": ("Telefon", "Telefonnummer", "Tel.", "Erreichbar unter"),
        "member_number": ("Mitgliedsnummer", "Mitglieds-Nr.", "Ausweis-Nr."),
        "fee": ("Jahresbeitrag", "Beitrag", "Betrag im Jahr"),
        "begin": ("Beginn", "Mitglied ab", "Eintritt zum"),
    },
}  # fmt: skip
_NEWSLETTER = {"en": ("Send me the newsletter", "Newsletter"), "de": ("Newsletter",)}
_TERMS = {"en": "I accept the terms", "de": "Ich nehme die Bedingungen an"}
_SIGN = {"en": ("Signature", "Signed"), "de": ("Unterschrift",)}
_TITLES = {
    "en": ("Application for membership", "Membership form", "Join us", "Registration"),
    "de": ("Aufnahmeantrag", "Beitrittserklärung", "Anmeldung"),
}
_CLUBS = {
    "en": ("Riverside Rowing Club", "Harbour Library Society", "Northfield Chess Circle",
           "Allotments of Eastgate", "Hillview Choir"),
    "de": ("Ruderverein Seeufer e.V.", "Schachfreunde Nord", "Kleingärten Ostend e.V.",
           "Chor am Berg", "Bücherfreunde Hafen"),
}  # fmt: skip
_HINTS = {
    "en": ("Please write in capital letters.", "Return this form to the office.",
           "Leave empty what does not apply."),
    "de": ("Bitte in Druckbuchstaben ausfüllen.", "Bitte im Büro abgeben.",
           "Nicht Zutreffendes bleibt leer."),
}  # fmt: skip
_PEOPLE = {
    "en": (("Ellen", "Thomas", "Grace", "Oliver", "Priya", "Samuel"),
           ("Carter", "Moreau", "Whitfield", "Okafor", "Lindqvist", "Hale")),
    "de": (("Eva", "Jonas", "Katrin", "Lukas", "Meike", "Stefan"),
           ("Kern", "Brandt", "Weber", "Hagen", "Steiner", "Falk")),
}  # fmt: skip
_STREETS = {"en": ("Mill Lane", "High Street", "Station Road", "Harbour Way"),
            "de": ("Hauptstraße", "Lindenweg", "Am Markt", "Gartenweg")}  # fmt: skip
_TOWNS = {"en": ("Bristol BS1 4ND", "Leeds LS2 8AA", "Exeter EX4 3SR"),
          "de": ("70173 Stuttgart", "20095 Hamburg", "04109 Leipzig")}  # fmt: skip
_MAY_BE_EMPTY = ("phone", "member_number", "begin")
_EMPTY = 0.4


class FilledForm(NamedTuple):
    """A form as a PDF, with its values: dates as in ISO 8601, amounts with a point, marks ``yes``
    or ``no``."""

    pdf: bytes
    values: dict[str, str]
    left_empty: frozenset[str]
    """Fields that the form has, and into which nothing was written."""


class Layout:
    """How the forms of one organisation look."""

    def __init__(self, seed: int) -> None:
        chosen = random.Random(f"form layout {seed}")
        self.language = chosen.choice(("en", "de"))
        language = self.language
        self.club, self.title = chosen.choice(_CLUBS[language]), chosen.choice(_TITLES[language])
        self.hint = chosen.choice(_HINTS[language]) if chosen.random() < 0.7 else ""
        self.labels = {name: chosen.choice(many) for name, many in _LABELS[language].items()}
        optional = [name for name in ("phone", "member_number", "fee", "begin")
                    if chosen.random() < 0.8]  # fmt: skip
        self.fields = ["full_name", "birth_date", "street", "town", *optional]
        rest = self.fields[1:]
        chosen.shuffle(rest)
        self.fields[1:] = rest
        self.numbered = chosen.random() < 0.3
        self.colon = chosen.random() < 0.5
        self.arrangement = chosen.choice(("line", "line", "above", "cells"))
        self.columns = chosen.choice((1, 1, 2))
        self.font = chosen.choice(("Helvetica", "Times-Roman"))
        self.filled_in = chosen.choice(("Courier", "Helvetica", "Times-Italic"))
        self.size = chosen.choice((9, 10, 11))
        self.newsletter = chosen.choice(_NEWSLETTER[language])
        self.yes_no = chosen.random() < 0.4
        self.tick = chosen.choice(("cross", "check", "letter"))
        self.sign = chosen.choice(_SIGN[language])
        if language == "de":
            self.date_format = chosen.choice(("%d.%m.%Y", "%Y-%m-%d"))
        else:
            self.date_format = chosen.choice(("%d %B %Y", "%Y-%m-%d", "%d %b %Y"))

    def label(self, name: str) -> str:
        """As it is printed."""
        number = f"{self.fields.index(name) + 1}. " if self.numbered else ""
        return f"{number}{self.labels[name]}{':' if self.colon else ''}"


def form(layout: int, number: int) -> FilledForm:
    """A form: of which layout, and which of those that were filled in."""
    from reportlab.pdfgen.canvas import Canvas

    look = Layout(layout)
    chosen = random.Random(f"form {layout} {number}")
    firsts, lasts = _PEOPLE[look.language]
    born = date(1950, 1, 1) + timedelta(days=chosen.randint(0, 20_000))
    begin = date(2026, 1, 1) + timedelta(days=chosen.randint(0, 360))
    cents = 100 * chosen.randint(20, 400) + chosen.choice((0, 0, 50))
    written = f"{cents / 100:.2f}"
    amount = f"{written.replace('.', ',')} €" if look.language == "de" else f"£{written}"
    values = {
        "full_name": f"{chosen.choice(firsts)} {chosen.choice(lasts)}",
        "birth_date": born.isoformat(),
        "street": f"{chosen.randint(1, 99)} {chosen.choice(_STREETS[look.language])}",
        "town": chosen.choice(_TOWNS[look.language]),
        "phone": f"0{chosen.randint(200, 999)} {chosen.randint(100_000, 999_999)}",
        "member_number": f"M-{chosen.randint(1_000, 99_999)}",
        "fee": written,
        "begin": begin.isoformat(),
    }
    shown = values | {
        "birth_date": born.strftime(look.date_format),
        "begin": begin.strftime(look.date_format),
        "fee": amount,
    }
    left_empty = frozenset(name for name in _MAY_BE_EMPTY if chosen.random() < _EMPTY)
    kept = {name: values[name] for name in look.fields if name not in left_empty}
    texts = {name: shown[name] if name in kept else "" for name in look.fields}
    marks = {name: chosen.random() < 0.6 for name in ("newsletter", "terms", "signature")}
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=True)
    bottom = _draw_texts(canvas, look, texts)
    _draw_marks(canvas, look, marks, bottom, chosen)
    canvas.save()
    said = {name: "yes" if ticked else "no" for name, ticked in marks.items()}
    return FilledForm(out.getvalue(), kept | said, left_empty & frozenset(look.fields))


def _draw_texts(canvas: Any, look: Layout, texts: dict[str, str]) -> float:
    """Head and fields; how far down they reach."""
    size = look.size
    canvas.setFont(look.font, size * 1.2)
    canvas.drawString(60, 790, look.club)
    canvas.setFont(f"{look.font.removesuffix('-Roman')}-Bold", size * 1.7)
    canvas.drawString(60, 755, look.title)
    canvas.setFont(look.font, size * 0.9)
    canvas.drawString(60, 736, look.hint)
    canvas.setLineWidth(0.6)
    width = 480 / look.columns
    step = {"line": 2.4, "above": 3.9, "cells": 2.2}[look.arrangement] * size
    at = 700.0
    for place, (name, text) in enumerate(texts.items()):
        column = place % look.columns
        x = 60 + column * width
        canvas.setFont(look.font, size if look.arrangement != "above" else size * 0.8)
        if look.arrangement == "above":
            canvas.drawString(x + 3, at, look.label(name))
            canvas.rect(x, at - 1.9 * size, width - 12, 1.8 * size)
            _write(canvas, look, x + 4, at - 1.4 * size, text)
        else:
            canvas.drawString(x + 3, at, look.label(name))
            middle = x + (150 if look.columns == 1 else 118)
            if look.arrangement == "cells":
                canvas.rect(x, at - 0.7 * size, middle - x - 6, step)
                canvas.rect(middle - 6, at - 0.7 * size, x + width - middle + 6, step)
            else:
                canvas.line(middle - 4, at - 3, x + width - 12, at - 3)
            _write(canvas, look, middle, at, text)
        if column == look.columns - 1 or place == len(texts) - 1:
            at -= step
    return at


def _write(canvas: Any, look: Layout, x: float, y: float, text: str) -> None:
    canvas.setFont(look.filled_in, look.size)
    canvas.drawString(x, y, text)


def _draw_marks(
    canvas: Any, look: Layout, marks: dict[str, bool], top: float, chosen: random.Random
) -> None:
    size, at = look.size, top - 20
    canvas.setFont(look.font, size)
    yes, no = ("yes", "no") if look.language == "en" else ("ja", "nein")
    if look.yes_no:
        canvas.drawString(60, at, f"{look.newsletter}:")
        for x, word, ticked in (
            (240, yes, marks["newsletter"]), (310, no, not marks["newsletter"])
        ):  # fmt: skip
            _box(canvas, look, x, at - 1, ticked=ticked)
            canvas.drawString(x + 16, at, word)
    else:
        _box(canvas, look, 60, at - 1, ticked=marks["newsletter"])
        canvas.drawString(78, at, look.newsletter)
    at -= 2.2 * size
    _box(canvas, look, 60, at - 1, ticked=marks["terms"])
    canvas.drawString(78, at, _TERMS[look.language])
    at -= 80
    canvas.line(60, at, 280, at)
    canvas.drawString(60, at - 1.3 * size, look.sign)
    if marks["signature"]:
        canvas.setLineWidth(1.2)
        path = canvas.beginPath()
        path.moveTo(75, at + 4)
        for number in range(chosen.randint(6, 11)):
            x = 75 + number * 13
            path.curveTo(
                x + 3, at + chosen.randint(16, 34), x + 8, at - chosen.randint(2, 10), x + 12,
                at + chosen.randint(4, 14),
            )  # fmt: skip
        canvas.drawPath(path)


def _box(canvas: Any, look: Layout, x: float, y: float, *, ticked: bool) -> None:
    canvas.setLineWidth(0.8)
    canvas.rect(x, y, 10, 10)
    if not ticked:
        return
    if look.tick == "cross":
        canvas.line(x + 1, y + 1, x + 9, y + 9)
        canvas.line(x + 1, y + 9, x + 9, y + 1)
    elif look.tick == "check":
        canvas.line(x + 2, y + 5, x + 4, y + 1)
        canvas.line(x + 4, y + 1, x + 11, y + 12)
    else:
        canvas.drawString(x + 2, y + 1.5, "x")
