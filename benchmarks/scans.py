"""Scans with the text that is on them in the order a person reads it: prose, columns, invoices and
forms, clean or as a worn scanner makes them."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Literal, NamedTuple

from benchmarks.pages import prose

if TYPE_CHECKING:
    from PIL import Image

Layout = Literal["prose", "columns", "invoice", "form"]
LAYOUTS: tuple[Layout, ...] = ("prose", "columns", "invoice", "form")
_DPI = 300
_WIDTH, _HEIGHT = 595.0, 842.0
_GOODS = (
    "Garden hose 20 m", "Water meter", "Copper pipe 15 mm", "Valve, brass", "Labour, hours",
    "Travel", "Sealing ring", "Pump P-200", "Filter cartridge", "Pressure gauge",
)  # fmt: skip
_FONTS = ("Helvetica", "Times-Roman")


class Scan(NamedTuple):
    """A scan as a PNG file, and its text in reading order."""

    png: bytes
    text: str


class _Text(NamedTuple):
    x: float
    y: float
    text: str
    right: bool = False
    bold: bool = False


def scan(seed: int, layout: Layout, *, worn: bool) -> Scan:
    """One page of A4 at 300 dpi; a ``worn`` one is skewed, blurred, noisy and compressed."""
    chosen = random.Random(f"{seed}/{layout}")
    font, size = chosen.choice(_FONTS), chosen.choice((9.5, 10.0, 11.0))
    make = {"prose": _prose, "columns": _columns, "invoice": _invoice, "form": _form}[layout]
    items, text, rules = make(chosen, seed, font, size)
    image = _drawn(items, rules, font, size)
    if worn:
        image = _worn(image, seed)
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(_DPI, _DPI))
    return Scan(out.getvalue(), text)


_Made = tuple[list[_Text], str, list[tuple[float, float, float, float]]]


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    from reportlab.lib.utils import simpleSplit

    return list(simpleSplit(text, font, size, width))


def _prose(chosen: random.Random, seed: int, font: str, size: float) -> _Made:
    lines = _wrapped(prose(seed, 2_600), font, size, 460)
    items = [_Text(64, 60 + 1.35 * size * row, line) for row, line in enumerate(lines)]
    return items, "\n".join(lines), []


def _columns(chosen: random.Random, seed: int, font: str, size: float) -> _Made:
    count = chosen.choice((2, 2, 3))
    width = (_WIDTH - 2 * 50 - (count - 1) * 22) / count
    title = "Annual report on the water of the northern districts"
    items, texts = [_Text(50, 50, title, bold=True)], [title]
    lines = _wrapped(prose(seed, 1_500 * count), font, size, width)
    rows = -(-len(lines) // count)
    for column in range(count):
        for row, line in enumerate(lines[column * rows : (column + 1) * rows]):
            items.append(_Text(50 + column * (width + 22), 80 + 1.3 * size * row, line))
            texts.append(line)
    return items, "\n".join(texts), []


def _invoice(chosen: random.Random, seed: int, font: str, size: float) -> _Made:
    items: list[_Text] = []
    texts: list[str] = []
    at = 60.0

    def put(line: str, *cells: _Text) -> None:
        nonlocal at
        items.extend(cells)
        texts.append(line)
        at += 1.5 * size

    put("INVOICE", _Text(56, at, "INVOICE", bold=True))
    for line in (f"Northbank Water Company {seed}", "12 Mill Lane", "Oxford OX2 7DE"):
        put(line, _Text(56, at, line))
    at += 14
    for label, value in (("Invoice number:", f"INV-{seed}-{chosen.randint(100, 999)}"),
                         ("Date:", f"{chosen.randint(1, 28)} March 2026"),
                         ("Customer:", "Anna Carter")):  # fmt: skip
        put(f"{label} {value}", _Text(56, at, label), _Text(190, at, value))
    at += 18
    edges = (56, 280, 360, 450, 540)
    heads = ("Description", "Quantity", "Unit price", "Amount")
    rules = [(50.0, at - 14, 545.0, at - 14)]
    put(" ".join(heads), _Text(56, at, heads[0], bold=True),
        *(_Text(edge, at, head, right=True, bold=True)
          for edge, head in zip(edges[2:], heads[1:], strict=True)))  # fmt: skip
    rules.append((50.0, at - 12, 545.0, at - 12))
    total = 0
    for name in chosen.sample(_GOODS, chosen.randint(4, len(_GOODS))):
        count, price = chosen.randint(1, 40), chosen.randint(150, 25_000)
        total += count * price
        cells = (name, str(count), f"{price / 100:,.2f}", f"{count * price / 100:,.2f}")
        put(" ".join(cells), _Text(56, at, cells[0]),
            *(_Text(edge, at, cell, right=True)
              for edge, cell in zip(edges[2:], cells[1:], strict=True)))  # fmt: skip
    rules.append((50.0, at - 10, 545.0, at - 10))
    at += 6
    tax = round(total * 0.2)
    for label, amount in (("Subtotal", total), ("VAT 20%", tax), ("Total due", total + tax)):
        shown = f"{amount / 100:,.2f}"
        put(
            f"{label} {shown}", _Text(450, at, label, right=True), _Text(540, at, shown, right=True)
        )
    at += 20
    for line in _wrapped("Please pay within thirty days to account 20-11-45 60193421. Goods remain "
                         "ours until they are paid for in full.", font, size, 480):  # fmt: skip
        put(line, _Text(56, at, line))
    return items, "\n".join(texts), rules


def _form(chosen: random.Random, seed: int, font: str, size: float) -> _Made:
    title = "Application for a parking permit"
    items, texts = [_Text(56, 60, title, bold=True)], [title]
    rules = []
    values = [
        ("Full name:", chosen.choice(("Jane Doe", "Ali Hassan", "Maria Lopez"))),
        ("Date of birth:", f"{chosen.randint(10, 28)}/0{chosen.randint(1, 9)}/1974"),
        ("Street:", f"{chosen.randint(1, 200)} Harbour Road"), ("Town:", "Milford"),
        ("Telephone:", f"0{chosen.randint(1000, 9999)} {chosen.randint(100000, 999999)}"),
        ("Registration:", f"AB{chosen.randint(10, 99)} XYZ"), ("Colour of the car:", "Dark blue"),
        ("E-mail:", f"resident{seed}@example.org"),
    ]  # fmt: skip
    at = 100.0
    for label, value in values:
        items += [_Text(56, at, label), _Text(200, at, value)]
        rules.append((196.0, at + 4, 520.0, at + 4))
        texts.append(f"{label} {value}")
        at += 30
    for line in _wrapped(prose(seed, 700), font, size, 470):
        items.append(_Text(56, at + 20, line))
        texts.append(line)
        at += 1.35 * size
    return items, "\n".join(texts), rules


def _drawn(
    items: list[_Text], rules: list[tuple[float, float, float, float]], font: str, size: float
) -> Image.Image:
    import pypdfium2
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(_WIDTH, _HEIGHT), invariant=True)
    bold = {"Helvetica": "Helvetica-Bold", "Times-Roman": "Times-Bold"}[font]
    for item in items:
        canvas.setFont(bold if item.bold else font, size)
        draw = canvas.drawRightString if item.right else canvas.drawString
        draw(item.x, _HEIGHT - item.y, item.text)
    canvas.setLineWidth(0.6)
    for left, top, right, bottom in rules:
        canvas.line(left, _HEIGHT - top, right, _HEIGHT - bottom)
    canvas.save()
    page = pypdfium2.PdfDocument(out.getvalue())[0]
    image: Image.Image = page.render(scale=_DPI / 72, grayscale=True).to_pil()
    return image


def _worn(image: Image.Image, seed: int) -> Image.Image:
    import numpy as np
    from PIL import Image, ImageFilter

    chosen = np.random.default_rng(seed)
    turned = image.rotate(
        float(chosen.uniform(-1.5, 1.5)), resample=Image.Resampling.BICUBIC, fillcolor=255
    )
    blurred = turned.filter(ImageFilter.GaussianBlur(float(chosen.uniform(0.6, 1.4))))
    gray = 20 + np.asarray(blurred, np.float32) * chosen.uniform(0.8, 0.92)
    pixels = gray + chosen.normal(0, chosen.uniform(4, 14), gray.shape)
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=60)
    return Image.open(out).convert("L")
