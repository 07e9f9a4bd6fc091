"""Pages of PDFs as the tests draw them: typed lines, and pictures of lines."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

PROSE = (
    "The committee met on Tuesday to discuss the annual report and agreed",
    "that the figures for the second quarter should be published together",
    "with an explanation of the methods that had been used by the office.",
)


def picture(lines: tuple[str, ...], size: tuple[int, int], font: int = 44) -> Image.Image:
    image = Image.new("L", size, 255)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((40, 40 + number * 2 * font), line, fill=0, font=ImageFont.load_default(size=font))
    return image


def written(*draw: Callable[[Canvas], object], size: tuple[int, int] = (612, 792)) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size)
    for step in draw:
        step(canvas)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def typed(*lines: str, at: int = 740) -> Callable[[Canvas], None]:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 12)
        for number, line in enumerate(lines):
            canvas.drawString(60, at - 16 * number, line)

    return draw


def pasted(image: Image.Image, x: float, y: float, wide: float) -> Callable[[Canvas], object]:
    tall = wide * image.height / image.width
    return lambda canvas: canvas.drawImage(ImageReader(image), x, y, wide, tall)
