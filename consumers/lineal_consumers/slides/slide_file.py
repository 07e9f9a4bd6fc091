"""Opens a slide's file with whichever library reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lineal import Reject
from lineal_consumers.slides.pyramid import DamagedSlide, Pyramid


@contextmanager
def open_pyramid(path: str) -> Iterator[Pyramid]:
    """Open a slide: a tiled TIFF, or what OpenSlide reads where that is installed.

    Raises:
        Reject: nobody can read it; says why.
    """
    from lineal_consumers.slides.tiff_pyramid import TiffPyramid

    pyramid: Pyramid
    try:
        pyramid = TiffPyramid(path)
    except DamagedSlide:
        raise
    except Reject as refused:
        pyramid = _by_openslide(path, refused)
    try:
        yield pyramid
    finally:
        pyramid.close()


def _by_openslide(path: str, refused: Reject) -> Pyramid:
    try:
        from lineal_consumers.slides.openslide_pyramid import OpenSlidePyramid
    except ImportError:
        raise Reject(
            f"{refused}; more formats are read with OpenSlide: install lineal[openslide], and put "
            "the slide again"
        ) from refused
    try:
        return OpenSlidePyramid(path)
    except Reject as error:
        raise Reject(f"{refused}; {error}") from error
