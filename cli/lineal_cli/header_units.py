"""Units of measurement in the headers of CSV files: ``Druck (bar)``, ``flow [l/min]``."""

from __future__ import annotations

import re

_PREFIXED = (
    "m", "g", "s", "A", "K", "mol", "Hz", "N", "Nm", "Pa", "J", "W", "V", "F", "H", "T", "S", "C",
    "Ω", "ohm", "Ohm", "bar", "l", "L", "Wh", "Ah", "VA", "var", "eV", "lm", "lx", "cd", "rad",
    "B",
)  # fmt: skip
_ALONE = (
    "1", "U", "min", "h", "d", "a", "t", "rpm", "%", "‰", "ppm", "ppb", "°", "°C", "°F", "deg",
    "degC", "degF", "psi", "mmHg", "inHg", "ft", "in", "mi", "mph", "kn", "gal", "lb", "lbs",
    "gpm", "gph", "lpm", "slpm", "sccm", "cfm", "scfm", "hp", "PS",
    "mil", "mils", "ips", "dB", "dBm", "dBA", "pH", "NTU", "rev", "Upm", "rH", "%rH", "counts",
    "Nm³", "Nm3",
)  # fmt: skip
_PREFIXES = ("", "p", "n", "u", "µ", "μ", "m", "c", "d", "h", "k", "M", "G", "T")
_SYMBOLS = frozenset(_ALONE) | {prefix + unit for prefix in _PREFIXES for unit in _PREFIXED}
_POWER = r"(\^?[-+]?[1-4]|[⁻⁺]?[¹²³⁴])?"
_FACTOR = re.compile(rf"(.+?){_POWER}")
_IN_BRACKETS = re.compile(
    r"(?P<name>.*\S)\s*[(\[]\s*(?P<unit>[^()\[\]]{1,20}?)\s*[)\]](?P<again>_\d+)?"
)


def is_unit(text: str) -> bool:
    """Whether a text is a unit: symbols with their powers, multiplied or divided."""
    if not re.search(r"[^\W\d]|[%‰°]", text):
        return False  # a number alone
    factors = re.split(r"[/*·⋅ ]", text)
    return all(
        factor in _SYMBOLS
        or ((found := _FACTOR.fullmatch(factor)) is not None and found[1] in _SYMBOLS)
        for factor in factors
    )


def without_unit(column: str) -> tuple[str, str]:
    """The name of a column and its unit; the unit is empty where the header says none.

    What stands in brackets and is no unit, as in ``bearing (left)``, belongs to the name.
    """
    found = _IN_BRACKETS.fullmatch(column.strip())
    if found is None or not is_unit(found["unit"]):
        return column.strip(), ""
    return found["name"] + (found["again"] or ""), found["unit"]
