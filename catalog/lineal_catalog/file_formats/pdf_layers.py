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
    return bool(find_hidden_layers(document))


def find_hidden_layers(document: Any) -> frozenset[tuple[int, int]]:
    """The object numbers of the layers that a document (of pikepdf) switches off when it is
    opened."""
    import pikepdf

    properties = document.Root.get("/OCProperties")
    default = properties.get("/D") if isinstance(properties, pikepdf.Dictionary) else None
    if not isinstance(default, pikepdf.Dictionary):
        return frozenset()
    hidden = _layers(default.get("/OFF"))
    if default.get("/BaseState") == "/OFF":
        hidden += _layers(properties.get("/OCGs"))
        shown = {layer.objgen for layer in _layers(default.get("/ON"))}
        hidden = [layer for layer in hidden if layer.objgen not in shown]
    for automatic in _layers(default.get("/AS")):
        if automatic.get("/Event") == "/View":
            hidden += filter(_is_not_viewed, _layers(automatic.get("/OCGs")))
    return frozenset(layer.objgen for layer in hidden)


def is_hidden_by_layer(owner: Any, hidden: frozenset[tuple[int, int]]) -> bool:
    """Whether what belongs to a layer, or to layers together, is not shown while some of them are
    hidden."""
    import pikepdf

    layer = owner.get("/OC")
    if not isinstance(layer, pikepdf.Dictionary):
        return False
    if layer.get("/Type") != "/OCMD":
        return layer.objgen in hidden
    several = layer.get("/OCGs")
    off = [
        one.objgen in hidden
        for one in ([several] if isinstance(several, pikepdf.Dictionary) else _layers(several))
    ]
    match str(layer.get("/P", "/AnyOn")):
        case "/AllOn":
            return any(off)
        case "/AnyOff":
            return bool(off) and not any(off)
        case "/AllOff":
            return not all(off)
    return bool(off) and all(off)


def _layers(listed: Any) -> list[Any]:
    import pikepdf

    found = list(listed) if isinstance(listed, pikepdf.Array) else []
    return [layer for layer in found if isinstance(layer, pikepdf.Dictionary)]


def _is_not_viewed(layer: Any) -> bool:
    import pikepdf

    usage = layer.get("/Usage")
    view = usage.get("/View") if isinstance(usage, pikepdf.Dictionary) else None
    return isinstance(view, pikepdf.Dictionary) and view.get("/ViewState") == "/OFF"


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
