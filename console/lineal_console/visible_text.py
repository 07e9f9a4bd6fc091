"""Shows characters that turn the order of a text, so that nobody takes a name for another one.

``invoice\u202efdp.exe`` is drawn as ``invoiceexe.pdf``. Marks of direction alone (U+200E, U+200F,
U+061C) stay: Arabic and Hebrew are written with them, and they turn nothing that is beside them.
"""

from __future__ import annotations

import re

_TURNING = "\u202a-\u202e\u2066-\u2069"
TURNING = re.compile(f"[{_TURNING}]")
_IN_HTML = re.compile(f"<[^>]*>|[{_TURNING}]")
_SEEN_ATTRIBUTE = re.compile(r'\b(title|alt|aria-label|data-confirm|placeholder)="[^"]*"')
_UNTOUCHED = re.compile(r"<textarea\b.*?</textarea>", re.DOTALL)


def with_visible_turns(text: str) -> str:
    """A text in which such characters are their numbers in brackets."""
    return TURNING.sub(_number, text)


def html_with_visible_turns(html: str) -> str:
    """The same for what is seen of a page. Fields keep what they hold, since it is sent back.

    Args:
        html: with ``<`` and ``>`` only in its tags, as templates that escape their values make it.
    """
    if TURNING.search(html) is None:
        return html
    parts, end = [], 0
    for field in _UNTOUCHED.finditer(html):
        parts += [_visible(html[end : field.start()]), field[0]]
        end = field.end()
    return "".join([*parts, _visible(html[end:])])


def _visible(html: str) -> str:
    return _IN_HTML.sub(_tag_or_character, html)


def _tag_or_character(found: re.Match[str]) -> str:
    if found[0].startswith("<"):
        return _SEEN_ATTRIBUTE.sub(lambda attribute: with_visible_turns(attribute[0]), found[0])
    return _number(found)


def _number(found: re.Match[str]) -> str:
    return f"[U+{ord(found[0]):04X}]"
