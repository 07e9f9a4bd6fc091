"""Whether a PDF page may have text that nobody sees: in white or without any colour, invisible
where no picture shows what it says, cut off by a clip, or under something that is painted over it,
annotations included.

Whether it is seen after all (white on a dark ground) is said by the page as it is drawn.
"""

from __future__ import annotations

from ctypes import byref, c_float, c_int
from typing import Any

from lineal_catalog.file_formats.pdf_objects import (
    CLEAR,
    Box,
    PageObject,
    bounds_of,
    fill_of,
    matrix_of,
    walk_page_objects,
)

_WHITE = 245
_MAX_COVERS = 64
"""Filled paths and pictures that are looked at for what is under them; a page with more is a
drawing."""
_SMALLEST_COVER = 4.0
"""Points across and down."""
_MAX_ANNOTATIONS = 1_000
_MAX_DRAWN = 100
"""Objects of an annotation that are looked at."""
_MAX_CLIPS = 4
_MAX_SEGMENTS = 100
"""Of a clip; one with more is a shape."""


def may_hide_text(page: Any) -> bool:
    """Whether a loaded page (an ``FPDF_PAGE``) may have text that is not seen."""
    import pypdfium2.raw as raw

    covers: list[Box] = []
    pictures = invisible = False
    # From what is painted last, the annotations, to what is painted first.
    if _annotations_hide(page, covers):
        return True
    for item in walk_page_objects(page):
        if item.kind == raw.FPDF_PAGEOBJ_PATH:
            if len(covers) < _MAX_COVERS and (box := _cover(item)) is not None:
                covers.append(box)
        elif item.kind == raw.FPDF_PAGEOBJ_IMAGE:
            pictures = True
            box = item.around.after(matrix_of(item.handle)).box(0, 0, 1, 1)
            if len(covers) < _MAX_COVERS and _can_cover(box):
                covers.append(box)
        elif item.kind == raw.FPDF_PAGEOBJ_TEXT:
            mode = raw.FPDFTextObj_GetTextRenderMode(item.handle)
            if mode == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
                invisible = True
            elif (
                item.clear
                or _is_pale(item.handle)
                or _is_clipped_away(item.handle)
                or (covers and _is_covered(item, covers))
            ):
                return True
    return invisible and not pictures


def _annotations_hide(page: Any, covers: list[Box]) -> bool:
    """Whether annotations that are shown may have text that is not seen; what else they fill is
    added to the covers."""
    import pypdfium2.raw as raw

    unseen = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        pale = filled = False
        if not raw.FPDFAnnot_GetFlags(annotation) & unseen:
            for number in range(min(raw.FPDFAnnot_GetObjectCount(annotation), _MAX_DRAWN)):
                item = raw.FPDFAnnot_GetObject(annotation, number)
                kind = raw.FPDFPageObj_GetType(item)
                pale = pale or (kind == raw.FPDF_PAGEOBJ_TEXT and _is_pale(item))
                filled = filled or kind == raw.FPDF_PAGEOBJ_IMAGE or _is_filled(item)
        rect = raw.FS_RECTF()
        raw.FPDFAnnot_GetRect(annotation, rect)
        raw.FPDFPage_CloseAnnot(annotation)
        if pale:
            return True
        box = rect.left, rect.bottom, rect.right, rect.top
        if filled and len(covers) < _MAX_COVERS and _can_cover(box):
            covers.append(box)
    return False


def _is_pale(handle: Any) -> bool:
    colour = fill_of(handle)
    return colour is not None and (min(colour[:3]) >= _WHITE or colour[3] < CLEAR)


def _is_clipped_away(handle: Any) -> bool:
    """Whether nothing of a text is within one of the clips that hold for it."""
    import pypdfium2.raw as raw

    clips = raw.FPDFPageObj_GetClipPath(handle)
    count = raw.FPDFClipPath_CountPaths(clips) if clips else 0
    box = bounds_of(handle) if count > 0 else None
    if box is None:
        return False
    x, y = c_float(), c_float()
    for number in range(min(count, _MAX_CLIPS)):
        segments = raw.FPDFClipPath_CountPathSegments(clips, number)
        if not 0 < segments <= _MAX_SEGMENTS:
            continue
        points = []
        for at in range(segments):
            segment = raw.FPDFClipPath_GetPathSegment(clips, number, at)
            raw.FPDFPathSegment_GetPoint(segment, byref(x), byref(y))
            points.append((x.value, y.value))
        across, down = zip(*points, strict=True)
        left, bottom, right, top = box
        if right < min(across) or left > max(across) or top < min(down) or bottom > max(down):
            return True
    return False


def _is_filled(handle: Any) -> bool:
    import pypdfium2.raw as raw

    mode, stroke = c_int(), c_int()
    return bool(
        raw.FPDFPageObj_GetType(handle) == raw.FPDF_PAGEOBJ_PATH
        and raw.FPDFPath_GetDrawMode(handle, byref(mode), byref(stroke))
        and mode.value
    )


def _cover(item: PageObject) -> Box | None:
    """The box of a path that is filled so that nothing is seen through it, where it is a
    rectangle."""
    import pypdfium2.raw as raw

    if not _is_filled(item.handle) or not 4 <= raw.FPDFPath_CountSegments(item.handle) <= 6:
        return None
    colour, box = fill_of(item.handle), bounds_of(item.handle)
    if item.clear or colour is None or colour[3] < 255 - CLEAR or box is None:
        return None
    box = item.around.box(*box)
    return box if _can_cover(box) else None


def _can_cover(box: Box) -> bool:
    """Whether it is large enough to hide something."""
    left, bottom, right, top = box
    return min(right - left, top - bottom) >= _SMALLEST_COVER


def _is_covered(item: PageObject, covers: list[Box]) -> bool:
    box = bounds_of(item.handle)
    if box is None:
        return False
    left, bottom, right, top = item.around.box(*box)
    y = (bottom + top) / 2
    return any(c[1] <= y <= c[3] and c[0] < right and left < c[2] for c in covers)
