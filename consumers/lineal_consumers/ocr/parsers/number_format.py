"""Numbers as a spreadsheet shows them, by their format codes.

Source: ECMA-376 part 1, 18.8.30 (built-in formats) and 18.8.31 (codes). Dates are shown in
ISO 8601, whatever order a format has, so that they mean the same to everybody.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    12: "# ?/?", 13: "# ??/??", 14: "yyyy-mm-dd", 15: "yyyy-mm-dd", 16: "d-mmm", 17: "mmm-yy",
    18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
    37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0",
    49: "@",
}  # fmt: skip
_GENERAL = "General"
_SIGNS = ("quoted", "escaped", "other")
"""Kinds of what a format shows as it is."""
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_.|\*.|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<exponent>[eE][+-]0+)|(?P<number>[0#?][0#?,]*(?:\.[0#?]*,*)?|\.[0#?]+,*)"
    r"|(?P<ampm>[aA]/[pP]|[aA][mM]/[pP][mM])|(?P<date>[yYmMdDhHsSbBgGeE]+(?:\.0+)?)|(?P<other>.)",
    re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d*)?)")
_COMPARE = {"<=": le, ">=": ge, "<>": ne, "<": lt, ">": gt, "=": eq}
_ELAPSED = re.compile(r"[hms]+$", re.IGNORECASE)
_EPOCH = datetime.datetime(1899, 12, 30)
_EPOCH_1904 = datetime.datetime(1904, 1, 1)
Section = tuple[tuple[str, str], ...]
"""A part of a format: kinds and texts."""
Sections = tuple[Section, ...]
_LAST_DAY = 2_958_466


def format_number(value: float, code: str, *, from_1904: bool = False) -> str:
    """A number as a cell with this format shows it.

    Args:
        from_1904: whether dates are counted from 1904, as in workbooks from a Macintosh.
    """
    sections = _sections(code)
    if sections == ((("other", _GENERAL),),) or not sections:
        return general_format(value)
    section, unsigned = _section(value, sections)
    if _is_general(section):
        return general_format(value)
    kinds = {kind for kind, _ in section}
    if "elapsed" in kinds:
        return _duration(value, section)
    if "date" in kinds and "number" not in kinds:
        return _date(value, section, from_1904)
    text = _number(abs(unsigned), section)
    return f"-{text}" if unsigned < 0 and re.search("[1-9]", text) else text


def format_text(text: str, code: str) -> str:
    """A text as a cell with this format shows it."""
    sections = _sections(code)
    section = sections[-1] if sections else ()
    if len(section) < 2 or ("other", "@") not in section:
        return text
    return "".join(text if piece == "@" else piece for kind, piece in section if kind in _SIGNS)


def shows_no_text(code: str) -> bool:
    """Whether a format shows nothing of a text: its fourth part, which is that of texts, is
    empty."""
    sections = _sections(code) if ";" in code else ()
    return len(sections) == 4 and not sections[3]


def _section(value: float, sections: Sections) -> tuple[Section, float]:
    """The part of a format that holds for a number, and the number without the sign that this part
    has of its own."""
    conditions = [
        _CONDITION.match(next((text for kind, text in section if kind == "condition"), ""))
        for section in sections[:2]
    ]
    if any(conditions):
        for section, condition in zip(sections, conditions, strict=False):
            if condition and _COMPARE[condition[1]](value, float(condition[2])):
                below = condition[1].startswith("<") and float(condition[2]) <= 0
                return section, -value if below else value
        # Without a condition of its own, the second of three is for what is negative.
        negative = len(sections) > 2 and conditions[1] is None and value < 0
        return (sections[1], -value) if negative else (sections[-1], value)
    if len(sections) > 1 and value < 0:
        return sections[1], -value
    return sections[2 if len(sections) > 2 and value == 0 else 0], value


def general_format(value: float) -> str:
    """A number without a format: whole ones without a fraction, at most 11 digits."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.11g}" if 1e-5 <= abs(value) < 1e15 else f"{value:.10G}"


@lru_cache(maxsize=4096)
def _sections(code: str) -> Sections:
    if code.lower() in ("", "general", "standard"):
        return ()
    sections: list[list[tuple[str, str]]] = [[]]
    for match in _TOKEN.finditer(code[:500]):
        kind = match.lastgroup
        if kind is None:
            continue
        text = match[kind]
        if kind == "bracket":
            if _ELAPSED.match(text):
                sections[-1].append(("elapsed", text))
            elif _CONDITION.match(text):
                sections[-1].append(("condition", text))
            elif text.startswith("$") and (sign := text[1:].partition("-")[0]):
                sections[-1].append(("quoted", sign))
        elif kind == "other" and text == ";":
            sections.append([])
        else:
            sections[-1].append((kind, text))
    if _is_general(sections[0]):
        return ()
    return tuple(map(tuple, sections))


def _is_general(section: Iterable[tuple[str, str]]) -> bool:
    """Whether it is "General", with signs around it or without."""
    return any(kind == "date" and text.lower().startswith("g") for kind, text in section)


def _number(value: float, section: Section) -> str:
    numbers = [text for kind, text in section if kind == "number"]
    percent = sum(kind == "other" and text == "%" for kind, text in section)
    exponent = any(kind == "exponent" for kind, text in section)
    if any(kind == "other" and text == "/" for kind, text in section):
        return _fraction(value, section)
    if not numbers:
        signs = [text for kind, text in section if kind in _SIGNS]
        return "".join(general_format(value) if s == "@" else s for s in signs) or (
            general_format(value)
        )
    out: list[str] = []
    placed = False
    for kind, text in section:
        if kind == "number":
            if not placed:
                out.append(_digits(value * 100**percent, numbers, exponent=exponent))
            placed = True
        elif kind in _SIGNS:
            out.append(general_format(value) if text == "@" else text)
    return "".join(out).strip()


def _digits(value: float, numbers: list[str], *, exponent: bool) -> str:
    pattern = "".join(numbers)
    bare = pattern.rstrip(",")
    thousands = len(pattern) - len(bare)
    whole, _, fraction = bare.partition(".")
    if exponent:
        places = len(fraction)
        return f"{value:.{places}E}"
    value /= 1000**thousands
    grouped = "," in whole
    places = sum(sign in "0#?" for sign in fraction)
    needed = sum(sign == "0" for sign in fraction)
    try:
        rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except ArithmeticError:
        return general_format(value)
    left, _, right = f"{rounded:f}".partition(".")
    while len(right) > needed and right.endswith("0"):
        right = right[:-1]
    left = left.lstrip("0").rjust(whole.count("0"), "0")
    if grouped:
        left = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", left)
    return f"{left}.{right}" if right else left or "0" * ("0" in whole or not fraction)


def _fraction(value: float, section: Section) -> str:
    from fractions import Fraction

    digits = [text for kind, text in section if kind == "number"][-1:]
    limit = int("9" * min(3, len(digits[0]))) if digits else 9
    whole = int(value)
    part = Fraction(value - whole).limit_denominator(max(limit, 1))
    if part == 0:
        return str(whole)
    return f"{whole} {part}" if whole else str(part)


def _duration(value: float, section: Section) -> str:
    first = next(text for kind, text in section if kind == "elapsed")
    seconds = round(abs(value) * 86_400)
    sign = "-" if value < 0 else ""
    names = "".join(text.lower() for kind, text in section if kind in ("elapsed", "date"))
    match first[0].lower():
        case "h":
            hours, rest = divmod(seconds, 3600)
            tail = f":{rest % 60:02}" if "s" in names else ""
            return f"{sign}{hours}:{rest // 60:02}{tail}"
        case "m":
            tail = f":{seconds % 60:02}" if "s" in names else ""
            return f"{sign}{seconds // 60}{tail}"
        case _:
            return f"{sign}{seconds}"


def _date(value: float, section: Section, from_1904: bool) -> str:
    if not 0 <= value < _LAST_DAY:
        return general_format(value)
    if not from_1904 and 0 < value < 60:
        # Day 60 is the 29th of February 1900, which never was.
        value += 1 if value >= 1 else 0
    epoch = _EPOCH_1904 if from_1904 else _EPOCH
    at = epoch + datetime.timedelta(seconds=round(value * 86_400))
    names = "".join(text.lower() for kind, text in section if kind == "date")
    days, times = any(c in names for c in "yd"), any(c in names for c in "hs")
    if not times and not days:
        days = True
    if days and at.time() == datetime.time():
        times = False
    clock = at.strftime("%H:%M:%S" if "s" in names else "%H:%M")
    if "y" not in names and days and not times:
        return at.strftime("%m-%d") if "d" in names else at.strftime("%m")
    if not times:
        return at.strftime("%Y-%m-%d" if "d" in names else "%Y-%m")
    return f"{at:%Y-%m-%d} {clock}" if days else clock
