"""Small files that cost as much as the limits let them, of several kinds."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable, Sequence


def hostile_files(count: int) -> Sequence[tuple[str, bytes]]:
    """Names and contents, all different."""
    kinds = list(_KINDS.items())
    return [
        (f"hostile-{number}.{suffix}", make(number))
        for number, (suffix, make) in ((n, kinds[n % len(kinds)]) for n in range(count))
    ]


def _noise(seed: int) -> bytes:
    """A page of specks that recognition takes for letters, from some kilobytes."""
    from PIL import Image

    chosen = random.Random(seed)
    lines = Image.new("1", (2480, 40), 1)
    for _ in range(900):
        left, top = chosen.randrange(2480), chosen.randrange(30)
        lines.paste(0, (left, top, left + chosen.randrange(3, 20), top + chosen.randrange(3, 9)))
    page = Image.new("1", (2480, 3508), 1)
    for top in range(0, page.height, 60):
        page.paste(lines, (0, top))
    out = io.BytesIO()
    page.save(out, "PNG", dpi=(300, 300))
    return out.getvalue()


def _drawing(seed: int) -> bytes:
    """A PDF of large transparent shapes, one over the other."""
    one = b"0 0 m 600 700 0 700 600 0 c 300 900 600 0 0 700 c b* "
    stream = zlib.compress(b"/G gs %d w " % (seed + 1) + one * 8_000)
    return _pdf(stream, b"/ExtGState<</G<</ca .01/CA .01/BM/Luminosity>>>>", b"/Filter/FlateDecode")


def _forms(seed: int) -> bytes:
    """A PDF whose content calls forms that call forms."""
    import pikepdf

    made = pikepdf.new()
    page = made.add_blank_page(page_size=(612, 792))
    form = pikepdf.Stream(made, b"q 0 0 %d 1 re f Q " % (seed + 1))
    for _ in range(5):
        form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
        form.BBox = pikepdf.Array([0, 0, 612, 792])
        outer = pikepdf.Stream(made, b"/A Do " * 7)
        outer.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=form))
        form = outer
    page.Resources = form.Resources
    page.Contents = pikepdf.Stream(made, b"/A Do " * 7)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _spans(seed: int) -> bytes:
    """An HTML table of a few rows that spans make millions of cells of."""
    rows = b"<tr><td>c" * 4_500
    return b"<html><table><tr><td colspan=999 rowspan=9999>%d" % seed + rows + b"</table></html>"


def _mail(seed: int) -> bytes:
    """A mail in a mail in a mail, each with a header of many parts."""
    inner = b"Subject: %d\r\n\r\ntext" % seed
    for depth in range(36):
        boundary = b"b%d" % depth
        many = b"".join(b"--%s\r\n\r\nx\r\n" % boundary for _ in range(110))
        inner = (
            b"Subject: %d\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n" % (seed, boundary)
            + many
            + b"--%s\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--%s--\r\n"
            % (boundary, inner, boundary)
        )
    return inner


def _pdf(stream: bytes, resources: bytes, filters: bytes) -> bytes:
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<<%s>>>>"
        % resources,
        b"<</Length %d%s>>stream\n%s\nendstream" % (len(stream), filters, stream),
    ]
    body = b"%PDF-1.7\n"
    for number, part in enumerate(parts, 1):
        body += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    return body + b"trailer<</Root 1 0 R/Size 5>>\n"


_KINDS: dict[str, Callable[[int], bytes]] = {
    "png": _noise,
    "drawing.pdf": _drawing,
    "html": _spans,
    "forms.pdf": _forms,
    "eml": _mail,
}
