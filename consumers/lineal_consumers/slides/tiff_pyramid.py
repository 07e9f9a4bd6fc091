"""Reads pyramidal TIFF, and what is made of it (SVS, OME-TIFF, SCN, NDPI), segment by segment.

A segment (a tile of the file) is decoded when a region needs it, and the latest that were needed in
part are kept: the page is never in memory.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from lineal import Reject
from lineal_consumers.slides.pyramid import DamagedSlide, Level

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

_CACHE_BYTES = 64 << 20
"""Of decoded segments."""
_MAX_SEGMENT_BYTES = 48 << 20
_MAX_LEVELS = 32


class TiffPyramid:
    """A TIFF file that is open; its first series is the slide.

    Raises:
        Reject: it is no TIFF, or none that can be read in parts.
    """

    def __init__(self, path: str) -> None:
        import tifffile

        # What is wrong with a file is said once, by what is raised.
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)
        try:
            self._file = tifffile.TiffFile(path)
        except Exception as error:  # a broken header makes errors of many kinds
            raise Reject(f"it is no TIFF: {error}") from error
        try:
            self._pages = _levels(self._file)[:_MAX_LEVELS]
            for page in self._pages:
                _check(page, self._file.filehandle.size)
        except Reject:
            self._file.close()
            raise
        except Exception as error:
            self._file.close()
            raise Reject(f"the TIFF is broken: {error}") from error
        self.levels = tuple(Level(page.imagewidth, page.imagelength) for page in self._pages)
        self._kept: OrderedDict[tuple[int, int], Pixels] = OrderedDict()
        self._kept_bytes = 0

    def close(self) -> None:
        self._kept.clear()
        self._file.close()

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """A region as height × width × 3; white where nothing is stored."""
        import numpy as np

        page = self._pages[level]
        across, down = _segment_size(page)
        per_row = -(-page.imagewidth // across)
        right, bottom = min(x + width, page.imagewidth), min(y + height, page.imagelength)
        made = np.empty((height, width, 3), np.uint8)
        made[max(0, bottom - y) :] = 255
        made[:, max(0, right - x) :] = 255
        for row in range(y // down, -(-bottom // down)):
            for column in range(x // across, -(-right // across)):
                left, top = column * across, row * down
                from_x, from_y = max(x, left), max(y, top)
                to_x, to_y = min(right, left + across), min(bottom, top + down)
                if to_x <= from_x or to_y <= from_y:
                    continue
                # What a region has all of, the next one beside it does not need.
                partly = (to_x - from_x) * (to_y - from_y) < across * down
                segment = self._segment(level, row * per_row + column, keep=partly)
                part = made[from_y - y : to_y - y, from_x - x : to_x - x]
                if segment is not None:
                    segment = segment[from_y - top : to_y - top, from_x - left : to_x - left]
                if segment is not None and segment.shape == part.shape:
                    part[:] = segment
                else:  # it is not stored, or not whole
                    part[:] = 255
                    if segment is not None:
                        part[: segment.shape[0], : segment.shape[1]] = segment
        return made

    def _segment(self, level: int, index: int, *, keep: bool) -> Pixels | None:
        """A decoded segment; None where the file has none, as scanners leave out glass."""
        key = (level, index)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        page = self._pages[level]
        size = page.databytecounts[index]
        if size == 0:
            return None
        if size > _MAX_SEGMENT_BYTES:
            raise Reject(f"segment {index} of level {level} has {size} bytes")
        handle = self._file.filehandle
        try:
            handle.seek(page.dataoffsets[index])
            data = handle.read(size)
            tables: dict[str, Any] = {}
            if page.jpegtables is not None:
                tables["jpegtables"] = page.jpegtables
            decoded = page.decode(data, index, **tables)[0]
            segment = None if decoded is None else _rgb(decoded[0])
        except Exception as error:  # each codec has errors of its own
            raise Reject(f"segment {index} of level {level} is broken: {error}") from error
        if keep and segment is not None:
            self._keep(key, segment)
        return segment

    def _keep(self, key: tuple[int, int], segment: Pixels) -> None:
        self._kept[key] = segment
        self._kept_bytes += segment.nbytes
        while self._kept_bytes > _CACHE_BYTES and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes


def _levels(file: Any) -> list[Any]:
    """The pages of the slide, full resolution first: levels of the first series, or where that has
    one alone, what is stored under its page or marked as a smaller version of it."""
    if not file.series:
        raise Reject("the TIFF has no pages")
    found = [level.keyframe for level in file.series[0].levels]
    if len(found) == 1:
        first = found[0]
        marked = (page for page in file.pages[1:] if page.is_reduced and page.is_tiled)
        found += [
            page
            for page in (*(first.pages or ()), *marked)
            if page.imagewidth < first.imagewidth and _same_picture(page, first)
        ]
    return sorted(found, key=lambda page: -page.imagewidth)


def _same_picture(page: Any, first: Any) -> bool:
    """Whether a page has the sides of another, but for rounding: labels and photos of the glass
    have not."""
    expected = first.imagelength * page.imagewidth / first.imagewidth
    return bool(abs(page.imagelength - expected) <= max(2.0, 0.01 * expected))


def _segment_size(page: Any) -> tuple[int, int]:
    """Width and height of a segment in pixels."""
    if page.is_tiled:
        return page.tilewidth, page.tilelength
    return page.imagewidth, min(page.rowsperstrip, page.imagelength)


def _check(page: Any, size: int) -> None:
    """Look whether a page can be read in parts, of a file of so many bytes.

    Raises:
        DamagedSlide, Reject: it cannot; says why.
    """
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    if max(ends, default=0) > size:
        raise DamagedSlide(
            f"the file is cut off: it has {size} bytes, and its pixels reach further"
        )
    if page.dtype is None or page.dtype.str[1:] not in ("u1", "u2"):
        raise Reject(f"its pixels are {page.dtype}: 8 or 16 bits without sign are read")
    if page.samplesperpixel not in (1, 3, 4) or (
        page.samplesperpixel > 1 and page.planarconfig != 1
    ):
        raise Reject("its colours are not stored pixel by pixel as red, green and blue, or grey")
    if page.imagedepth != 1:
        raise Reject("it is a volume")
    across, down = _segment_size(page)
    one = across * down * page.samplesperpixel * page.dtype.itemsize
    # Without tiles, all strips beside a region are read: they have to fit the cache.
    least = one if page.is_tiled else across * max(down, 512) * 3
    if one > _MAX_SEGMENT_BYTES or least > _CACHE_BYTES:
        raise Reject(
            f"it is stored in pieces of {across} by {down} pixels, too large to read in parts: "
            "`vips tiffsave IN OUT --tile --pyramid --compression jpeg` makes one of tiles"
        )


def _rgb(segment: Any) -> Pixels:
    """Height × width × samples of any kind that is read, as 8-bit red, green and blue."""
    import numpy as np

    if segment.dtype.itemsize == 2:
        segment = segment >> 8
    if segment.shape[2] == 1:
        segment = np.repeat(segment, 3, axis=2)
    made: Pixels = np.ascontiguousarray(segment[:, :, :3], dtype=np.uint8)
    return made
