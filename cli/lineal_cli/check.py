"""``Check``: one line of the report of ``lineal doctor``."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["fine", "warning", "broken"]


class Check(NamedTuple):
    """One line of the report."""

    name: str
    state: State
    found: str
    remedy: str = ""
