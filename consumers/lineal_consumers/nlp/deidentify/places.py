"""ZIP codes by Safe Harbor's rule (45 CFR 164.514(b)(2)(i)(B))."""

from __future__ import annotations

_FEW_PEOPLE = frozenset(
    (
        "036", "059", "063", "102", "203", "205", "369", "556", "692", "753", "772", "790", "821",
        "823", "830", "831", "878", "879", "884", "890", "893",
    )
)  # fmt: skip
"""Beginnings of ZIP codes in which 20,000 people or fewer live by the census of 2000, which HHS's
guidance lists, or by that of 2010."""


def short_zip(code: str) -> str:
    """The first three digits of a ZIP code; 000 where few people live."""
    digits = "".join(one for one in code if one.isdigit())[:3]
    return digits if len(digits) == 3 and digits not in _FEW_PEOPLE else "000"
