"""Opens a finished copy as a stranger would, and looks for what is to be gone."""

from __future__ import annotations

import io
from collections.abc import Iterator

from lineal_consumers.ocr.redaction.pages import NotRedacted
from lineal_consumers.ocr.redaction.places import left_over, tokens

_ROOT_KEYS = {"/Type", "/Pages", "/Version"}
_PAGE_KEYS = {"/Type", "/MediaBox", "/Resources", "/Contents", "/Rotate", "/Parent"}


def check_copy(data: bytes, media_type: str, terms: tuple[str, ...]) -> None:
    """Whether a copy holds none of the terms: in its text as another library extracts it, in the
    contents of its streams, and in what a file may hold beside its pages.

    Raises:
        NotRedacted: it does.
    """
    if media_type == "application/pdf":
        _check_pdf(data, terms)
    elif media_type.startswith("image/"):
        _check_image(data)
    else:
        return  # a text was searched as such
    for raw in _encoded(terms):
        if raw in data.lower():
            raise NotRedacted("the file still holds what is to be redacted")


def _check_pdf(data: bytes, terms: tuple[str, ...]) -> None:
    import pikepdf
    import pypdfium2 as pdfium

    document = pdfium.PdfDocument(data)
    try:
        for page in document:
            if left_over(terms, tokens(page.get_textpage().get_text_bounded())):
                raise NotRedacted("the copy's text still holds what is to be redacted")
    finally:
        document.close()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        beside = set(pdf.Root.keys()) - _ROOT_KEYS
        beside |= {key for page in pdf.pages for key in page.obj.keys()} - _PAGE_KEYS  # noqa: SIM118
        if beside or "/Info" in pdf.trailer or len(pdf.attachments):
            raise NotRedacted(f"the copy holds more than its pages: {', '.join(sorted(beside))}")
        needles = list(_encoded(terms))
        for item in pdf.objects:
            if isinstance(item, pikepdf.Stream) and item.get("/Subtype") != "/Image":
                content = item.read_bytes().lower()
                if any(raw in content for raw in needles):
                    raise NotRedacted("the copy's streams still hold what is to be redacted")


def _check_image(data: bytes) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        image.load()
        if image.info or image.getexif():
            raise NotRedacted("the copy holds more than its pixels")


def _encoded(terms: tuple[str, ...]) -> Iterator[bytes]:
    for term in terms:
        if len(term) >= 5:  # what is shorter is found in any picture's data by chance
            for encoding in ("utf-8", "utf-16-be", "utf-16-le"):
                yield term.lower().encode(encoding)
