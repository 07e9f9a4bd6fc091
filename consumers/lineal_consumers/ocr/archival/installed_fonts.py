"""Fonts of this machine that may be embedded: by their names, and by the characters they have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
)
_PREFERRED = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf")
_MAX_FONTS = 2_000
_MAX_TRIED = 60
_RESTRICTED = 0x0002
"""OS/2 fsType: may not be embedded."""


@cache
def font_files() -> tuple[Path, ...]:
    """All TrueType fonts that are installed, those for text of many languages first."""
    found = [path for folder in _FOLDERS for path in _below(Path(folder))][:_MAX_FONTS]
    rank = {name: number for number, name in enumerate(_PREFERRED)}
    return tuple(sorted(found, key=lambda path: (rank.get(path.name, len(rank)), str(path))))


def _below(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (Path(where) / name for name in sorted(names) if name.endswith(".ttf"))


def find_font(file_name: str) -> Path | None:
    """An installed font by the name of its file."""
    return next((path for path in font_files() if path.name == file_name), None)


@cache
def open_font(path: Path) -> TTFont | None:
    """A font with TrueType outlines that may be embedded; None for any other."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        font = TTFont(path, lazy=True)
        usable = "glyf" in font and "cmap" in font and not font["OS/2"].fsType & _RESTRICTED
    except (TTLibError, OSError, KeyError):
        return None
    return font if usable else None


def fonts_for(characters: set[str]) -> tuple[list[Path], set[str]]:
    """As few fonts as have these characters, the first with most of them, and the characters that
    none has."""
    chosen = []
    lacking = set(characters)
    for path in font_files()[:_MAX_TRIED]:
        if not lacking:
            break
        font = open_font(path)
        if font is None:
            continue
        there = {character for character in lacking if ord(character) in font.getBestCmap()}
        if there:
            chosen.append(path)
            lacking -= there
    return chosen, lacking


def subset(path: Path, characters: set[str]) -> bytes:
    """The font program with the glyphs of these characters only; always the same bytes."""
    import io

    from fontTools import subset as subsetting

    options = subsetting.Options(
        layout_features=[], hinting=False, notdef_outline=True, name_IDs=[1, 2, 6],
        recalc_timestamp=False,
        drop_tables=["GSUB", "GPOS", "GDEF", "kern", "DSIG", "FFTM", "prep", "fpgm", "cvt "],
    )  # fmt: skip
    font = subsetting.load_font(str(path), options)
    chooser = subsetting.Subsetter(options)
    chooser.populate(unicodes=[ord(character) for character in characters])
    chooser.subset(font)
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()
