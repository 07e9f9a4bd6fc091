"""Finds where documents begin in a file, and cuts it there. Runs in a worker process."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lineal.errors import Reject

if TYPE_CHECKING:
    from lineal_learning.documents.class_model import ClassModel


class Pages(NamedTuple):
    """Pages of a file, from 1, that belong together."""

    first: int
    last: int


class Division(NamedTuple):
    """How a file is divided."""

    parts: tuple[Pages, ...]
    """All pages, between boundaries that are sure."""
    doubtful: tuple[int, ...]
    """Pages of which it is not sure whether a document begins with them."""

    def is_doubtful(self, part: Pages) -> bool:
        """Whether a person has to say first what is in a part."""
        return any(part.first < page <= part.last for page in self.doubtful)


def find_division(result: Path, model: Path | None, sure: float) -> Division:
    """How a file is divided by what was read of it.

    Raises:
        Reject: it is no stored reading, or the model is none.
    """
    from lineal_consumers.split.boundaries import boundaries
    from lineal_learning.documents.terms import read_document

    try:
        document = read_document(result.read_bytes())
        chances = boundaries(document, None if model is None else _model(model))
    except ValueError as error:
        raise Reject(str(error)) from error
    begins = [page for page, chance in enumerate(chances, 2) if chance >= sure]
    doubtful = [page for page, chance in enumerate(chances, 2) if 1 - sure < chance < sure]
    return Division(divided(begins, len(document.pages)), tuple(doubtful))


def divided(begins: Sequence[int], pages: int) -> tuple[Pages, ...]:
    """The parts of a file in which documents begin with these pages; the first always does.

    Raises:
        Reject: there is no such page.
    """
    firsts = sorted({1, *begins})
    if firsts[0] < 1 or firsts[-1] > pages:
        raise Reject(f"there is no page {firsts[-1]}: the file has {pages}")
    ends = [*(first - 1 for first in firsts[1:]), pages]
    return tuple(Pages(first, last) for first, last in zip(firsts, ends, strict=True))


def cut(pdf: Path, parts: Sequence[Pages]) -> list[bytes]:
    """A PDF of each part; the same parts of the same file are the same bytes.

    Raises:
        Reject: the file cannot be opened.
    """
    import pikepdf

    try:
        with pikepdf.open(pdf, suppress_warnings=True) as whole:
            return [_part(whole, part) for part in parts]
    except (pikepdf.PdfError, IndexError) as error:
        raise Reject(f"the file cannot be cut into its documents: {error}") from error


def _part(whole: object, part: Pages) -> bytes:
    import pikepdf

    assert isinstance(whole, pikepdf.Pdf)
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        for number in range(part.first - 1, part.last):
            pdf.pages.append(whole.pages[number])
        pdf.save(out, deterministic_id=True)
    return out.getvalue()


@lru_cache(maxsize=2)
def _model(file: Path) -> ClassModel:
    """A model's file is named by its digest: the same path is the same model."""
    from lineal_learning.documents.class_model import ClassModel

    return ClassModel(file.read_bytes())
