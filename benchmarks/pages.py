"""Pages to measure with, made from the project's own prose: text PDFs, and scans of them."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_SOURCES = ("LICENSE", "CONTRIBUTING.md", "docs/concepts.md", "docs/operating.md")
"""Without the README, which a run of all benchmarks writes."""
_DPI = 300


def sentences() -> list[str]:
    """Real English sentences, without links."""
    text = " ".join((_ROOT / name).read_text() for name in _SOURCES)
    found = re.findall(r"[A-Z][a-z][^.|`#*_<>\[\]]{40,240}\.", re.sub(r"\s+", " ", text))
    return sorted(set(found))


def prose(seed: int, characters: int) -> str:
    """About this many characters of prose, different for every seed, with things to be found."""
    chosen = random.Random(seed)
    known = sentences()
    parts = [f"Report {seed} of {chosen.randint(1, 28)} March 2026, for anna.{seed}@example.org."]
    while sum(map(len, parts)) < characters:
        parts.append(chosen.choice(known))
    return " ".join(parts)


def text_pdf(seed: int, pages: int, characters: int = 2_800) -> bytes:
    """A PDF with a text layer."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=True)
    for page in range(pages):
        text = canvas.beginText(56, 780)
        text.setFont("Helvetica", 10.5)
        text.setLeading(14)
        for line in simpleSplit(prose(seed * 1000 + page, characters), "Helvetica", 10.5, 480):
            text.textLine(line)
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def scan_pdf(seed: int, pages: int) -> bytes:
    """The same as 300 dpi grey JPEG scans without a text layer."""
    import pikepdf
    import pypdfium2
    from PIL import Image

    scanned = pikepdf.new()
    source = pypdfium2.PdfDocument(text_pdf(seed, pages))
    for page in source:
        bitmap = page.render(scale=_DPI / 72, grayscale=True)
        image: Image.Image = bitmap.to_pil()
        jpeg = io.BytesIO()
        image.save(jpeg, "JPEG", quality=80, dpi=(_DPI, _DPI))
        stream = pikepdf.Stream(
            scanned,
            jpeg.getvalue(),
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Image,
            Width=image.width,
            Height=image.height,
            ColorSpace=pikepdf.Name.DeviceGray,
            BitsPerComponent=8,
            Filter=pikepdf.Name.DCTDecode,
        )
        width, height = page.get_size()
        made = scanned.add_blank_page(page_size=(width, height))
        made.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=stream))
        made.Contents = pikepdf.Stream(scanned, b"%f 0 0 %f 0 0 cm /Scan Do" % (width, height))
    out = io.BytesIO()
    scanned.save(out)
    return out.getvalue()


def joined(files: Sequence[bytes]) -> bytes:
    """The pages of several PDFs as one."""
    import pikepdf

    whole = pikepdf.new()
    for data in files:
        with pikepdf.open(io.BytesIO(data)) as part:
            whole.pages.extend(part.pages)
    out = io.BytesIO()
    whole.save(out)
    return out.getvalue()
