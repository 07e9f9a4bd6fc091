"""What fields of Word show that have no result in the file: a part of their instructions.

Source: ECMA-376-1, 17.16.5; of EQ, which Word has had since before formulas, Microsoft's support
page "Field codes: Eq (Equation) field". East Asian texts write readings over characters with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_RUN, _INSTRUCTIONS, _FIELD = _WORD + "r", _WORD + "instrText", _WORD + "fldChar"
_BUTTON = re.compile(r"\s*MACROBUTTON\s+\S+\s+(.+)", re.DOTALL)
"""A place to fill in, in templates."""
_EQUATION = re.compile(r"\s*EQ\s")
_FORMAT = re.compile(r"\\\*\s*(?:\"[^\"]*\"|\S+)")
_SWITCH = re.compile(r"\\[A-Za-z]+\s?-?\d*\s*")
_BRACKETS = re.compile(r"(?<!\\)[(),;]|\\(?=[(),;\\])")
_MAX_PIECES = 200
"""Runs that the instructions of one field are divided into."""


def field_text(instructions: Any) -> str:
    """What a viewer shows of a field, from the first piece of its instructions; nothing where that
    stands in the file as its result."""
    text = instructions.text or ""
    if button := _BUTTON.match(text):
        return button[1]
    if not _EQUATION.match(text):
        return ""
    written = "".join(_whole(instructions)).strip().partition(" ")[2]
    written = _SWITCH.sub(" ", _FORMAT.sub("", written))
    return " ".join(_BRACKETS.sub(" ", written).split())


def _whole(instructions: Any) -> Iterator[str]:
    """All pieces of the instructions of a field, until its result begins."""
    yield instructions.text or ""
    run = next(instructions.iterancestors(_RUN), None)
    following_runs = () if run is None else run.itersiblings(_RUN)
    for following in islice(following_runs, _MAX_PIECES):
        for piece in following.iterchildren(_INSTRUCTIONS, _FIELD):
            if piece.tag == _FIELD:
                return
            yield piece.text or ""
