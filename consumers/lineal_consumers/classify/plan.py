"""Groups consecutive pages with the same plan into ranges that are read as one part."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from lineal_schemas.documents import LayerUse, PageMethod, PageRange


class PagePlan(NamedTuple):
    """Decides how the text of a page is read."""

    method: PageMethod
    text_layer: LayerUse = "ignore"


def page_ranges(pages: Sequence[PagePlan], chunk_pages: int) -> tuple[PageRange, ...]:
    """Consecutive ranges that cover all pages, in order, each with one plan.

    A page to recognise is a range of its own, so that pages are recognised in parallel; runs of
    text-layer pages are cut after ``chunk_pages``, evenly, so that no worker is left with a stub.
    """
    ranges: list[PageRange] = []
    first = 1
    for plan, run in groupby(pages):
        length = len(list(run))
        parts = length if plan.method == "ocr" else -(-length // chunk_pages)
        for part in range(parts):
            begin = first + length * part // parts
            end = first + length * (part + 1) // parts - 1
            ranges.append(
                PageRange(first=begin, last=end, method=plan.method, text_layer=plan.text_layer)
            )
        first += length
    return tuple(ranges)
