"""Invoices of made-up suppliers, each with a layout of its own, and the values that are on them.

A layout is drawn from a seed: language, words of its labels (some that hardly anybody uses),
labels left of values, above them or in a row of headings, order and place of the blocks, formats
of dates and amounts, fonts. What differs from one invoice of a supplier to the next is drawn from
its number.
"""

from __future__ import annotations

import io
import random
from datetime import date, timedelta
from typing import Any, NamedTuple

_NAMES = ("Northgate", "Weber", "Lindqvist", "Harrow", "Castell", "Blue Anchor", "Okafor",
          "Steiner", "Marlow", "Juniper", "Falk", "Tidewater", "Hagen", "Pemberton", "Roth",
          "Silverline", "Delacroix", "Kestrel", "Brandt", "Ashdown")  # fmt: skip
_TRADES = {
    "en": ("Supplies", "Tools", "Logistics", "Printing", "Catering", "Systems", "Timber"),
    "de": ("Bürobedarf", "Werkzeuge", "Logistik", "Druck", "Technik", "Holzbau", "Elektro"),
}
_FORMS = {"en": ("Ltd", "LLC", "Inc.", "& Co", "Partners", "Group"),
          "de": ("GmbH", "AG", "KG", "GmbH & Co. KG", "e.K.", "& Söhne")}  # fmt: skip
_STREETS = {"en": ("Mill Lane", "High Street", "Station Road", "Harbour Way"),
            "de": ("Hauptstraße", "Lindenweg", "Am Markt", "Industriestraße")}  # fmt: skip
_TOWNS = {"en": ("Bristol BS1 4ND", "Leeds LS2 8AA", "Exeter EX4 3SR"),
          "de": ("70173 Stuttgart", "20095 Hamburg", "04109 Leipzig")}  # fmt: skip
_CUSTOMERS = {
    "en": ("Brightwater Foods Ltd", "Ms Ellen Carter", "Oakfield School", "T. Moreau LLC"),
    "de": ("Muster AG", "Frau Eva Kern", "Stadtwerke Aalen GmbH", "Schule am Park"),
}
_GOODS = {"en": ("Steel hinge", "Copy paper A4", "Delivery", "Oak board", "Consulting day",
                 "Cable"),
          "de": ("Scharnier Stahl", "Kopierpapier A4", "Lieferung", "Eichenbrett", "Beratung",
                 "Kabel")}  # fmt: skip
_LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "number": ("Invoice number", "Invoice No.", "Invoice #", "Invoice", "Our reference",
                   "Doc. ID", "Bill number", "Inv. No"),
        "date": ("Invoice date", "Date", "Issued", "Date of issue", "Raised on", "Tax point"),
        "due_date": ("Due date", "Payment due", "Due by", "Settle before", "Pay by"),
        "customer_number": ("Customer No.", "Account number", "Client ID", "Your account",
                            "Debtor"),
        "net": ("Subtotal", "Net total", "Net", "Goods", "Total excl. VAT", "Sum before tax"),
        "tax": ("VAT", "Sales tax", "VAT 20 %", "Tax", "Plus VAT (20%)", "Duty"),
        "total": ("Total", "Total due", "Amount due", "Grand total", "Balance", "Please remit",
                  "Invoice total"),
        "iban": ("IBAN", "Bank account"),
    },
    "de": {
        "number": ("Rechnungsnummer", "Rechnungs-Nr.", "Rechnung Nr.", "Beleg-Nr.", "Vorgang",
                   "RE-Nr."),
        "date": ("Rechnungsdatum", "Datum", "Belegdatum", "Ausgestellt am", "vom"),
        "due_date": ("Fällig am", "Zahlbar bis", "Zahlungsziel", "Bitte zahlen bis"),
        "customer_number": ("Kundennummer", "Kunden-Nr.", "Kd.-Nr.", "Debitor"),
        "net": ("Nettobetrag", "Zwischensumme", "Summe netto", "Warenwert", "Leistungen"),
        "tax": ("MwSt.", "USt. 20 %", "zzgl. 20% MwSt.", "Umsatzsteuer", "Abgabe"),
        "total": ("Gesamtbetrag", "Rechnungsbetrag", "Summe", "Endbetrag", "Zu zahlen",
                  "Bruttosumme", "Überweisungsbetrag"),
        "iban": ("IBAN", "Konto"),
    },
}  # fmt: skip
_OTHERS = {
    "en": (("Order No.", "PO-{}"), ("Delivery note", "DN{}"), ("Project", "P {}")),
    "de": (("Bestellnummer", "B-{}"), ("Lieferschein", "LS{}"), ("Projekt", "P {}")),
}
_TITLES = {"en": ("Invoice", "INVOICE", "Tax invoice"), "de": ("Rechnung", "RECHNUNG")}
_TO = {"en": ("Bill to", "Invoice to", "Customer"), "de": ("Rechnung an", "Kunde", "Empfänger")}
_HEADS = {"en": ("Description", "Qty", "Unit price", "Amount"),
          "de": ("Bezeichnung", "Menge", "Einzelpreis", "Betrag")}  # fmt: skip


class Invoice(NamedTuple):
    """An invoice as a PDF with its values: dates as in ISO 8601, amounts with a point."""

    pdf: bytes
    values: dict[str, str]


class Layout:
    """How the invoices of one supplier look."""

    def __init__(self, seed: int) -> None:
        chosen = random.Random(f"layout {seed}")
        self.seed = seed
        self.language = chosen.choice(("en", "de"))
        language = self.language
        self.name = (
            f"{chosen.choice(_NAMES)} {chosen.choice(_TRADES[language])} "
            f"{chosen.choice(_FORMS[language])}"
        )
        self.address = (
            f"{chosen.choice(_STREETS[language])} {chosen.randint(1, 99)}",
            chosen.choice(_TOWNS[language]),
        )
        self.labels = {name: chosen.choice(many) for name, many in _LABELS[language].items()}
        self.fields = ["number", "date"]
        for name, share in (("due_date", 0.7), ("customer_number", 0.6)):
            if chosen.random() < share:
                self.fields.append(name)
        chosen.shuffle(self.fields)
        self.other = chosen.choice(_OTHERS[language]) if chosen.random() < 0.6 else None
        self.has_iban = chosen.random() < 0.8
        self.iban = _iban(chosen)
        self.title = chosen.choice(_TITLES[language])
        self.to = chosen.choice(_TO[language])
        self.arrangement = chosen.choice(("right", "right", "below", "row"))
        self.colon = chosen.random() < 0.6
        self.head_left = chosen.random() < 0.5
        self.block_left = chosen.random() < 0.4
        self.totals_wide = chosen.random() < 0.5
        self.name_again = chosen.random() < 0.6
        self.font = chosen.choice(("Helvetica", "Times-Roman", "Courier"))
        self.size = chosen.choice((9, 10, 11))
        self.prefix = chosen.choice(("", "R-", "INV", "2026/", "RE ", "A"))
        if language == "de":
            self.date_format = chosen.choice(("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y"))
        else:
            self.date_format = chosen.choice(("%d %B %Y", "%d/%m/%Y", "%Y-%m-%d", "%B %d, %Y"))
        self.currency = (
            chosen.choice(("€", "EUR", "")) if language == "de" else chosen.choice(("£", "GBP", ""))
        )
        self.title_top = chosen.random() < 0.5

    def amount(self, cents: int) -> str:
        """As this supplier writes it."""
        text = f"{cents / 100:,.2f}"
        if self.language == "de":
            text = text.translate(str.maketrans(",.", ".,"))
        if self.currency in ("£",):
            return f"£{text}"
        return f"{text} {self.currency}".strip()


def _iban(chosen: random.Random) -> str:
    digits = "".join(str(chosen.randint(0, 9)) for _ in range(18))
    check = 98 - int(digits + "131400") % 97
    return f"DE{check:02}{digits}"


def invoice(layout: int, number: int) -> Invoice:
    """An invoice: of which layout, and which of its supplier's."""
    from reportlab.pdfgen.canvas import Canvas

    look = Layout(layout)
    chosen = random.Random(f"invoice {layout} {number}")
    day = date(2026, 1, 1) + timedelta(days=chosen.randint(0, 360))
    goods = [
        (chosen.choice(_GOODS[look.language]), chosen.randint(1, 12), chosen.randint(250, 90_000))
        for _ in range(chosen.randint(1, 9))
    ]
    net = sum(count * price for _, count, price in goods)
    tax = round(net * 0.2)
    serial = str(chosen.randint(10_000, 999_999))
    shown = {
        "number": look.prefix + serial,
        "date": day.strftime(look.date_format),
        "due_date": (day + timedelta(days=30)).strftime(look.date_format),
        "customer_number": f"{chosen.randint(10_000, 99_999)}",
    }
    values = {
        "number": shown["number"],
        "date": day.isoformat(),
        "supplier": look.name,
        "net": f"{net / 100:.2f}",
        "tax": f"{tax / 100:.2f}",
        "total": f"{(net + tax) / 100:.2f}",
    }
    if "due_date" in look.fields:
        values["due_date"] = (day + timedelta(days=30)).isoformat()
    if "customer_number" in look.fields:
        values["customer_number"] = shown["customer_number"]
    if look.has_iban:
        values["iban"] = look.iban
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=True)
    _draw(canvas, look, shown, goods, (net, tax), chosen)
    canvas.save()
    return Invoice(out.getvalue(), values)


def _draw(
    canvas: Any, look: Layout, shown: dict[str, str], goods: list[tuple[str, int, int]],
    sums: tuple[int, int], chosen: random.Random,
) -> None:  # fmt: skip
    size, lead = look.size, look.size * 1.45

    def font(scale: float = 1.0, bold: bool = False) -> None:
        name = look.font
        if bold:
            name = {"Times-Roman": "Times-Bold"}.get(name, f"{name}-Bold")
        canvas.setFont(name, size * scale)

    font(1.4, bold=True)
    x = 60 if look.head_left else 330
    canvas.drawString(x, 790, look.name)
    font(0.9)
    for row, line in enumerate(look.address):
        canvas.drawString(x, 772 - row * lead, line)
    other = 330 if look.head_left else 60
    font(1.7, bold=True)
    canvas.drawString(
        60 if not look.title_top else other, 792 if look.title_top else 560, look.title
    )
    font(0.9)
    canvas.drawString(60, 690, look.to)
    font()
    customer = chosen.choice(_CUSTOMERS[look.language])
    street = f"{chosen.choice(_STREETS[look.language])} {chosen.randint(1, 99)}"
    for row, line in enumerate((customer, street, chosen.choice(_TOWNS[look.language]))):
        canvas.drawString(60, 690 - (row + 1) * lead, line)
    pairs = [(look.labels[name], shown[name]) for name in look.fields]
    if look.other is not None:
        pairs.insert(
            chosen.randint(0, 0) + 1,
            (look.other[0], look.other[1].format(chosen.randint(1000, 9999))),
        )
    colon = ":" if look.colon else ""
    if look.arrangement == "row":
        for column, (label, value) in enumerate(pairs):
            canvas.drawString(60 + column * 100, 530, label)
            canvas.drawString(60 + column * 100, 530 - lead, value)
    else:
        at, left = 690.0, 350.0
        for label, value in pairs:
            canvas.drawString(left, at, label + colon)
            if look.arrangement == "right":
                canvas.drawString(left + 105, at, value)
                at -= lead
            else:
                canvas.drawString(left, at - lead, value)
                at -= 2.4 * lead
    at = 480.0
    font(bold=True)
    for place, head in zip((60, 300, 400, 535), _HEADS[look.language], strict=True):
        (canvas.drawString if place == 60 else canvas.drawRightString)(place, at, head)
    font()
    for name, count, price in goods:
        at -= lead
        canvas.drawString(60, at, name)
        canvas.drawRightString(300, at, str(count))
        canvas.drawRightString(400, at, look.amount(price))
        canvas.drawRightString(535, at, look.amount(count * price))
    at -= lead
    canvas.line(60, at + lead * 0.4, 535, at + lead * 0.4)
    for name, cents in (("net", sums[0]), ("tax", sums[1]), ("total", sum(sums))):
        at -= lead
        canvas.drawString(60 if look.totals_wide else 350, at, look.labels[name] + colon)
        canvas.drawRightString(535, at, look.amount(cents))
    font(0.85)
    foot = 70.0
    if look.name_again:
        canvas.drawString(60, foot, f"{look.name} · {', '.join(look.address)}")
    if look.has_iban:
        groups = " ".join(look.iban[place : place + 4] for place in range(0, len(look.iban), 4))
        canvas.drawString(60, foot - lead, f"{look.labels['iban']}{colon} {groups}")
