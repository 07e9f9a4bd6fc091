"""Looking at a file: from its bytes to its kind, its pages and the plan of reading them.

Everything here and below runs in a worker process; the libraries are imported where they are
used, so that the daemon and the command line do not pay for them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lineal.stages import Reject
from lineal_consumers.classify.config import ClassifyConfig
from lineal_schemas.documents import DocumentKind, PageRange

HEAD_BYTES = 256 * 1024
"""How much of a file is looked at to tell what it is."""


class ClassifiedFile(NamedTuple):
    """What a file is and how it is to be read."""

    kind: DocumentKind
    media_type: str
    pages: int
    plan: tuple[PageRange, ...]


def inspect_file(path: Path, name: str, config: ClassifyConfig) -> ClassifiedFile:
    """Tell what a file is from its bytes, and decide page by page how its text is had.

    ``name`` is the name under which it arrived; it decides only among kinds of text.

    Raises:
        Reject: the file is empty, of a kind that is not read, damaged, protected or too large.
    """
    from lineal_consumers.classify import compound, signature, text_kinds

    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise Reject("the file is empty")
    if head.startswith(compound.SIGNATURE):
        found = compound.inspect_compound(path)
        return _parsed(found.kind, found.media_type, 1)
    media_type = signature.media_type(head)
    inspect_binary = _BINARY.get(media_type)
    if inspect_binary is not None:
        return inspect_binary(path, config)
    kind, media_type = text_kinds.recognise(path, head, media_type, name, config)
    return _parsed(kind, media_type, 1)


def _parsed(kind: DocumentKind, media_type: str, pages: int) -> ClassifiedFile:
    plan = (PageRange(first=1, last=pages, method="parse"),)
    return ClassifiedFile(kind, media_type, pages, plan)


def _pdf(path: Path, config: ClassifyConfig) -> ClassifiedFile:
    from lineal_consumers.classify import pdf, plan

    pages = pdf.page_plans(path, config)
    ranges = plan.page_ranges(pages, config.chunk_pages)
    return ClassifiedFile("pdf", "application/pdf", len(pages), ranges)


def _image(path: Path, config: ClassifyConfig) -> ClassifiedFile:
    from lineal_consumers.classify import images, plan

    media_type, pages = images.inspect_image(path, config)
    ranges = plan.page_ranges([plan.PagePlan("ocr")] * pages, config.chunk_pages)
    return ClassifiedFile("image", media_type, pages, ranges)


def _heif(path: Path, config: ClassifyConfig) -> ClassifiedFile:
    from importlib.util import find_spec

    if find_spec("pi_heif") is None:
        raise Reject("HEIC pictures are read with the extra heif: pip install 'lineal[heif]'")
    return _image(path, config)


def _office(path: Path, config: ClassifyConfig) -> ClassifiedFile:
    from lineal_consumers.classify import office

    return _parsed(*office.inspect_office(path, config))


_BINARY: dict[str, Callable[[Path, ClassifyConfig], ClassifiedFile]] = {
    "application/pdf": _pdf,
    "image/png": _image,
    "image/jpeg": _image,
    "image/tiff": _image,
    "image/gif": _image,
    "image/webp": _image,
    "image/bmp": _image,
    "image/x-ms-bmp": _image,
    "image/jp2": _image,
    "image/jpx": _image,
    "image/j2c": _image,
    "image/avif": _image,
    "image/avif-sequence": _image,
    "image/x-portable-bitmap": _image,
    "image/x-portable-greymap": _image,
    "image/x-portable-pixmap": _image,
    "image/heic": _heif,
    "image/heif": _heif,
    "image/heic-sequence": _heif,
    "image/heif-sequence": _heif,
    "application/zip": _office,
}
