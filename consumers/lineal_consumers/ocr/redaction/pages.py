"""Redacts PDFs and images: every page is drawn, painted over, read again, and written anew.

Nothing of the original file is taken over. What its pages show becomes pixels, in which boxes are
painted; the text of the copy is what is recognised in these pixels, and so there is nothing else in
it: no text under a box, no earlier revision, attachment, form, script or metadata.
"""

from __future__ import annotations

import io
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal.stages import Reject
from lineal_catalog.pages.renderers import PageView
from lineal_consumers.ocr.config import OcrConfig
from lineal_consumers.ocr.page_geometry import Affine
from lineal_consumers.ocr.page_raster import Raster
from lineal_consumers.ocr.page_view import draw_view
from lineal_consumers.ocr.recognized_page import read_page_image
from lineal_consumers.ocr.redaction.config import RedactConfig
from lineal_consumers.ocr.redaction.places import Places, is_near, left_over, tokens, words_in
from lineal_consumers.ocr.redaction.second_look import unread_views
from lineal_consumers.ocr.searchable_pdf import PageWriter
from lineal_schemas.results import Box, Page, TextResult

if TYPE_CHECKING:
    import pikepdf
    from PIL import Image

_ROUNDS = 3
"""How often what is read in a copy after all is painted over, before it is given up."""
_MARGIN = 0.12
"""Of a box's height, painted around it: letters reach beyond what a recogniser takes for them."""
_SURE = 0.75
"""Confidence from which on a word is taken for what stands there."""
_MAX_SIDE = 12_000
_MAX_PIXELS = 40_000_000
_JPEG_QUALITY = 85
_BLACK = (0, 0, 0)


class NotRedacted(Reject):
    """No copy can be made that holds nothing of what is to go; says why."""


class RedactedPage(NamedTuple):
    """A page whose pixels hold nothing of what is to go."""

    image: Image.Image
    text: str
    page: Page
    """What was recognised in these pixels."""
    boxes: tuple[Box, ...]


def redact_pages(
    path: str, kind: str, result: TextResult, places: Places, config: RedactConfig
) -> tuple[bytes, str]:
    """The copy, and its media type: an image for a single image, else a PDF.

    Raises:
        NotRedacted: a page cannot be drawn, or still shows what is to go.
        Reject: the file cannot be read.
    """
    if len(result.pages) > config.max_pages:
        raise NotRedacted(f"it has more than {config.max_pages} pages")
    missing = set(places.boxes) - {page.number for page in result.pages}
    if missing:
        raise NotRedacted(f"it has no page {min(missing)}")
    _check_placed(result, places)
    if kind == "image" and len(result.pages) == 1:
        page = _redacted(path, kind, result.pages[0], places, config)
        return _as_image(page.image)
    import pikepdf

    pdf = pikepdf.new()
    writer = PageWriter(pdf)
    for each in result.pages:
        page = _redacted(path, kind, each, places, config)
        target = _add(pdf, page)
        turned = page.page.rotation
        height = page.page.width if turned % 180 else page.page.height
        writer.add_text(target, page.page, page.text, Affine(1, 0, 0, -1, 0, height))
    return writer.to_bytes(archival=False), "application/pdf"


def _check_placed(result: TextResult, places: Places) -> None:
    """Whether all that is to go is known to stand somewhere on a page."""
    for span in places.spans:
        words = [
            word
            for page in result.pages
            if span.begin < page.end and span.end > page.begin
            for word in words_in(page, [span])
        ]
        if not words and result.text[span.begin : span.end].strip():
            raise NotRedacted("it is not known where on the page something stands that is to go")


def _redacted(
    path: str, kind: str, page: Page, places: Places, config: RedactConfig
) -> RedactedPage:
    image = draw_view(path, kind, _view(page, kind, config)).convert("RGB")
    boxes = [
        Box(word.left, word.top, word.width, word.height) for word in words_in(page, places.spans)
    ]
    boxes += places.boxes.get(page.number, [])
    _paint(image, boxes)
    ocr = OcrConfig(language=page.language or config.language, detect_language=False)
    for _ in range(_ROUNDS):
        text, seen = _read(image, page, ocr)
        found = _unredacted(text, seen, places.terms)
        upright = [_as_drawn(box, seen.rotation) for box in found]
        if not upright:
            upright = _unredacted_at_second_look(image, page, seen, boxes, places.terms, ocr)
        if not upright:
            return RedactedPage(image, text, seen, tuple(boxes))
        _paint(image, upright)
        boxes += upright
    raise NotRedacted(f"page {page.number} can still be read where it is to be redacted")


def _view(page: Page, kind: str, config: RedactConfig) -> PageView:
    if kind == "image":
        return PageView(page.number, _MAX_SIDE, _MAX_SIDE, "png", page.rotation)
    if page.width <= 0 or page.height <= 0:
        raise NotRedacted(f"page {page.number} could not be read")
    scale = min(
        config.dpi / 72,
        _MAX_SIDE / max(page.width, page.height),
        math.sqrt(_MAX_PIXELS / (page.width * page.height)),
    )
    width, height = math.ceil(page.width * scale), math.ceil(page.height * scale)
    return PageView(page.number, width, height + 2, "png", page.rotation)


def _paint(image: Image.Image, boxes: list[Box]) -> None:
    from PIL import ImageDraw

    drawing = ImageDraw.Draw(image)
    for box in boxes:
        margin = max(2.0, box.height * image.height * _MARGIN)
        drawing.rectangle(
            (
                math.floor(box.left * image.width - margin),
                math.floor(box.top * image.height - margin),
                math.ceil((box.left + box.width) * image.width + margin),
                math.ceil((box.top + box.height) * image.height + margin),
            ),
            fill=_BLACK,
        )


def _read(image: Image.Image, page: Page, config: OcrConfig) -> tuple[str, Page]:
    import numpy as np

    gray = np.asarray(image.convert("L"))
    width, height = page.width, page.height
    if width <= 0 or height <= 0:
        width, height = image.width * 72 / 200, image.height * 72 / 200
    dpi = max(1, round(image.width / width * 72))
    text, seen = read_page_image(Raster(gray, dpi, width, height), page.number, 0, config)
    if seen.width <= 0:
        raise NotRedacted(f"page {page.number} could not be read again")
    return text, seen


def _unredacted_at_second_look(
    image: Image.Image,
    page: Page,
    seen: Page,
    painted: list[Box],
    terms: tuple[str, ...],
    config: OcrConfig,
) -> list[Box]:
    """Boxes of terms in what was not read at first, on the page as it is drawn."""
    from PIL import Image as images

    read = [
        _as_drawn(Box(word.left, word.top, word.width, word.height), seen.rotation)
        for word in seen.words
        # Single letters, and what is read with doubt, may be writing that stands across; and what
        # does may have been read from the wrong end.
        if word.end - word.begin > 1
        and word.confidence >= _SURE
        and word.height * seen.height < word.width * seen.width
    ]
    found: list[Box] = []
    for view in unread_views(image, [*read, *painted]):
        size = page if view.turned % 180 == 0 else page.model_copy(
            update={"width": page.height, "height": page.width}
        )  # fmt: skip
        try:
            text, there = _read(images.fromarray(view.gray), size, config)
        except NotRedacted:
            continue  # the page itself was read; of what is left nothing can be
        found += [
            _as_drawn(stood, view.turned)
            for box in _unredacted(text, there, terms, misread=True)
            for stood in view.original_boxes(_as_drawn(box, there.rotation))
        ]
    return found


def _unredacted(
    text: str, page: Page, terms: tuple[str, ...], *, misread: bool = False
) -> list[Box]:
    """Boxes of words in which a term is read after all; also one that differs by a letter where
    reading is hard (``misread``)."""
    parts = [(word, tokens(text[word.begin : word.end])) for word in page.words]
    owners = [word for word, found in parts for _ in found]
    flat = [token for _, found in parts for token in found]
    if misread:
        wanted = [token for term in terms for token in tokens(term)]
        flat = [next((one for one in wanted if is_near(one, token)), token) for token in flat]
    return [
        Box(word.left, word.top, word.width, word.height)
        for first, last in left_over(terms, flat)
        for word in dict.fromkeys(owners[first:last])
    ]


def _as_drawn(box: Box, rotation: int) -> Box:
    """A box of a page that was read after turning it clockwise, on the page as it is drawn."""
    left, top, width, height = box
    for _ in range(rotation // 90):
        left, top, width, height = top, 1 - left - width, height, width
    return Box(left, top, width, height)


def _as_image(image: Image.Image) -> tuple[bytes, str]:
    out = io.BytesIO()
    image.save(out, format="PNG", compress_level=6)
    return out.getvalue(), "image/png"


def _add(pdf: pikepdf.Pdf, redacted: RedactedPage) -> pikepdf.Page:
    from lineal_consumers.ocr.image_page import add_image_page

    page = redacted.page
    width, height = page.width, page.height
    if page.rotation % 180:
        width, height = height, width
    with tempfile.TemporaryDirectory(prefix="redact-") as folder:
        file = Path(folder) / "page.jpg"
        redacted.image.save(file, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
        target = add_image_page(pdf, str(file), 1, width, height)
    if page.rotation:
        target.obj["/Rotate"] = page.rotation
    return target
