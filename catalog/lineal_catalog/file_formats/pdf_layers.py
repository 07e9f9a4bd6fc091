"""Whether a PDF page has layers (optional content) in a document that switches some off: viewers do
not show what is on these, and its text is in the text layer all the same.

Source: ISO 32000-1, 8.11.
"""

from __future__ import annotations

from typing import Any

_DEEPEST = 4
"""Forms in forms that are looked at."""


def has_hidden_layers(document: Any) -> bool:
    """Whether a document (of pikepdf) switches layers off when it is opened."""
    import pikepdf

    properties = document.Root.get("/OCProperties")
    default = properties.get("/D") if isinstance(properties, pikepdf.Dictionary) else None
    if not isinstance(default, pikepdf.Dictionary):
        return False
    off = default.get("/OFF")
    hidden = isinstance(off, pikepdf.Array) and len(off) > 0
    return hidden or default.get("/BaseState") == "/OFF"


def has_layers(page: Any) -> bool:
    """Whether a page (a dictionary of pikepdf that has its inherited attributes), or a form on it,
    puts something on a layer."""
    return _names_some(page, 0, set())


def _names_some(holder: Any, depth: int, known: set[tuple[int, int]]) -> bool:
    import pikepdf

    resources = holder.get("/Resources")
    if not isinstance(resources, pikepdf.Dictionary):
        return False
    named = resources.get("/Properties")
    if isinstance(named, pikepdf.Dictionary) and any(
        isinstance(item, pikepdf.Dictionary) and item.get("/Type") in ("/OCG", "/OCMD")
        for item in named.values()
    ):
        return True
    forms = resources.get("/XObject")
    for form in forms.values() if isinstance(forms, pikepdf.Dictionary) else ():
        if not isinstance(form, pikepdf.Stream) or form.objgen in known:
            continue
        known.add(form.objgen)
        if "/OC" in form:
            return True
        if depth == _DEEPEST or form.get("/Subtype") != "/Form":
            continue
        if _names_some(form, depth + 1, known):
            return True
    return False
