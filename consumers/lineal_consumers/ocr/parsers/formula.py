"""Formulas of Office documents (OMML) as a line of text: ``(a+b)/c``, ``x^2``, ``√(x)``."""

from __future__ import annotations

from typing import Any

from lineal_consumers.ocr.parsers.markup import local_name

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"


def formula_text(element: Any) -> str:
    """The characters of a formula in reading order, its structure as signs."""
    name = local_name(element)
    if name == "t":
        return element.text or ""
    if name.endswith("Pr"):
        return ""
    children = [(local_name(child), formula_text(child)) for child in element.iterchildren()]
    part = dict(children)
    script = _script(part.get("sub", ""), part.get("sup", ""))
    match name:
        case "f":
            return f"{_grouped(part.get('num', ''))}/{_grouped(part.get('den', ''))}"
        case "sSup" | "sSub" | "sSubSup":
            return part.get("e", "") + script
        case "rad":
            degree = part.get("deg", "")
            return f"{_grouped(degree) if degree else ''}√{_grouped(part.get('e', ''))}"
        case "d":
            return f"({', '.join(text for kind, text in children if kind == 'e')})"
        case "mr":
            return "\t".join(text for kind, text in children if kind == "e")
        case "m":
            return "\n".join(text for kind, text in children if kind == "mr")
        case "nary":
            sign = element.find(f"{MATH}naryPr/{MATH}chr")
            shown = "∫" if sign is None else sign.get(f"{MATH}val", "")
            return f"{shown}{script} {part.get('e', '')}"
        case _:
            return "".join(text for _, text in children)


def _script(below: str, above: str) -> str:
    return (f"_{_grouped(below)}" if below else "") + (f"^{_grouped(above)}" if above else "")


def _grouped(text: str) -> str:
    return text if len(text) < 2 or text.isalnum() else f"({text})"
