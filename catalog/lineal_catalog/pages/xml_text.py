"""Text as XML 1.0 can hold it."""

from __future__ import annotations

import re

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text, with U+FFFD for each character that XML does not allow (1.0, production 2)."""
    return _NOT_IN_XML.sub("\ufffd", text)
