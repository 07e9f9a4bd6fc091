"""Letters and receipts as somebody photographs them: at an angle, under a lamp, on a table.

Made from a seed, with the text that is on them, so that what is read can be compared.
"""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Literal, NamedTuple

from benchmarks.pages import prose

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    Pixels = npt.NDArray[np.float32]

Paper = Literal["letter", "receipt"]
_DPI = 300


class Photo(NamedTuple):
    """A photo as a JPEG file, the lines of text that are on the paper, and where it lies."""

    jpeg: bytes
    lines: tuple[str, ...]
    way: Pixels
    """From points of the sheet, from its top left, to fractions of the photo: three by three."""


def photo(seed: int, paper: Paper) -> Photo:
    """A telephone's photo of a sheet of paper: 12 million pixels, turned by up to 12 degrees."""
    import numpy as np
    from PIL import Image

    chosen = np.random.default_rng(seed)
    sheet, lines = _letter(seed) if paper == "letter" else _receipt(seed)
    taken, way = _photographed(sheet, chosen, paper)
    out = io.BytesIO()
    Image.fromarray(taken).save(out, "JPEG", quality=int(chosen.integers(70, 92)))
    return Photo(out.getvalue(), lines, way)


def _letter(seed: int) -> tuple[Image.Image, tuple[str, ...]]:
    from reportlab.lib.utils import simpleSplit

    chosen = random.Random(seed)
    font, size = chosen.choice(("Helvetica", "Times-Roman")), chosen.choice((10.5, 11, 12))
    lines = [
        f"Northbank Water Company {seed}",
        "12 Mill Lane, Oxford",
        "",
        f"{chosen.randint(1, 28)} March 2026",
        "",
        "Dear Ms Carter,",
        "",
        *simpleSplit(prose(seed, chosen.randint(900, 1_700)), font, size, 450),
        "",
        "Yours sincerely,",
        "A. Moreau",
    ]
    items = [(72.0, 770.0 - 1.35 * size * row, line, "left") for row, line in enumerate(lines)]
    return _drawn((595, 842), font, size, items), tuple(filter(None, lines))


def _receipt(seed: int) -> tuple[Image.Image, tuple[str, ...]]:
    chosen = random.Random(seed)
    goods = ["Oat milk", "Rye bread", "Apples", "Ground coffee", "Olive oil", "Butter", "Tea",
             "Dark chocolate", "Tomatoes", "Rice 1 kg", "Washing powder", "Pears"]  # fmt: skip
    rows = [
        (name, chosen.randint(99, 1_999))
        for name in chosen.sample(goods, chosen.randint(4, len(goods)))
    ]
    total = sum(price for _, price in rows)
    tax = round(total * 0.07)
    pairs = [
        *((name, f"{price / 100:.2f}") for name, price in rows),
        ("SUBTOTAL", f"{total / 100:.2f}"),
        ("TAX 7%", f"{tax / 100:.2f}"),
        ("TOTAL", f"{(total + tax) / 100:.2f}"),
    ]
    font = chosen.choice(("Courier", "Helvetica"))
    head = ("CORNER MARKET", "48 High Street", f"2026-03-{chosen.randint(1, 28):02} 17:42")
    foot = ("Thank you for your visit",)
    height = 13.0 * (len(head) + len(pairs) + len(foot) + 5)
    items: list[tuple[float, float, str, str]] = []
    at = height - 26
    for line in head:
        items.append((113, at, line, "centre"))
        at -= 13
    at -= 8
    for label, amount in pairs:
        items += [(16, at, label, "left"), (210, at, amount, "right")]
        at -= 13
    items.append((113, at - 10, foot[0], "centre"))
    lines = (*head, *(f"{label} {amount}" for label, amount in pairs), *foot)
    return _drawn((226, height), font, 9.5, items), lines


def _drawn(
    size: tuple[float, float], font: str, font_size: float,
    items: list[tuple[float, float, str, str]],
) -> Image.Image:  # fmt: skip
    import pypdfium2
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size, invariant=True)
    canvas.setFont(font, font_size)
    draw = {
        "left": canvas.drawString, "right": canvas.drawRightString,
        "centre": canvas.drawCentredString,
    }  # fmt: skip
    for x, y, text, side in items:
        draw[side](x, y, text)
    canvas.save()
    page = pypdfium2.PdfDocument(out.getvalue())[0]
    drawn: Image.Image = page.render(scale=_DPI / 72, grayscale=True).to_pil()
    return drawn


def _photographed(
    sheet: Image.Image, chosen: np.random.Generator, paper: Paper
) -> tuple[npt.NDArray[np.uint8], Pixels]:
    import cv2
    import numpy as np

    width, height = 3000, 4000
    ink = np.asarray(sheet, np.float32) / 255
    # Print is not black and paper is not white.
    page = 0.22 + 0.72 * ink
    across, down = sheet.size
    share = chosen.uniform(0.72, 0.9) if paper == "letter" else chosen.uniform(0.6, 0.85)
    scale = share * min(width / across, height / down)
    angle = np.radians(chosen.uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (across, down) * scale / 2
    corners = corners @ turn.T + (width / 2, height / 2)
    corners += chosen.uniform(-0.035, 0.035, (4, 2)) * (across, down) * scale
    source = np.array([(0, 0), (across, 0), (across, down), (0, down)], np.float32)
    way = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    size = (width, height)
    seen = np.asarray(cv2.warpPerspective(page, way, size, flags=cv2.INTER_AREA), np.float32)
    cover = np.asarray(cv2.warpPerspective(np.ones_like(page), way, size), np.float32)
    table = _table(chosen, width, height)
    # The sheet throws a narrow shadow on the table.
    shadow = cv2.GaussianBlur(cover, (0, 0), 18)
    light = _light(chosen, width, height)
    picture = cover * seen + (1 - cover) * table * (1 - 0.35 * shadow)
    blurred = cv2.GaussianBlur(picture * light, (0, 0), float(chosen.uniform(0.8, 1.8)))
    picture = blurred + chosen.normal(0, chosen.uniform(0.008, 0.025), picture.shape)
    to_pixels = np.diag([_DPI / 72, _DPI / 72, 1])
    to_fractions = np.diag([1 / width, 1 / height, 1])
    taken = np.clip(picture * 255, 0, 255).astype(np.uint8)
    return taken, np.asarray(to_fractions @ way @ to_pixels, np.float32)


def _table(chosen: np.random.Generator, width: int, height: int) -> Pixels:
    """Boards of wood, cloth or a plain top, of any brightness."""
    import cv2
    import numpy as np

    bright = chosen.uniform(0.15, 0.6)
    kind = chosen.integers(0, 3)
    coarse = chosen.normal(0, 1, (height // 40, width // (400 if kind == 0 else 40)))
    grain = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    fine = chosen.normal(0, 1, (height // 2, width // 2)).astype(np.float32)
    dust = cv2.resize(fine, (width, height))
    return np.asarray(bright + (0, 0.02, 0.06)[kind] * grain + 0.02 * dust, np.float32)


def _light(chosen: np.random.Generator, width: int, height: int) -> Pixels:
    """Brighter on one side, darker at the corners, and the shadow of a hand in half of them."""
    import cv2
    import numpy as np

    y, x = np.mgrid[0:height:8, 0:width:8].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    angle = chosen.uniform(0, 2 * np.pi)
    light = 0.85 + chosen.uniform(0.1, 0.5) * (x * np.cos(angle) + y * np.sin(angle))
    light *= 1 - chosen.uniform(0, 0.4) * (x * x + y * y)
    if chosen.random() < 0.5:
        at, wide = chosen.uniform(-0.4, 0.4, 2), chosen.uniform(0.15, 0.35, 2)
        hand = (((x - at[0]) / wide[0]) ** 2 + ((y - at[1]) / wide[1]) ** 2) < 1
        soft = cv2.GaussianBlur(hand.astype(np.float32), (0, 0), 12)
        light *= 1 - chosen.uniform(0.2, 0.45) * soft
    smooth = cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float32)
