"""Recognises e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lineal_consumers.nlp.engines import Mention, PageText

# RFC 5321 limits: 64 characters before the @, labels of 63. The look-behind makes every run of
# address characters be tried once only, so a page of "aaaa..." costs one pass.
_EMAIL = re.compile(
    r"(?<![\w.%+'-])[\w%+-][\w.%+'-]{0,63}@"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}(?:xn--[a-z0-9-]{2,40}|[^\W\d_]{2,24})(?![\w@-])"
)

_AUTHORITY = re.compile(r"://[^\s/?#]{0,80}$")


class EmailRecognizer:
    """``EMAIL``: local@domain with a dotted domain ending in letters."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        if "@" not in page.text:
            return
        for match in _EMAIL.finditer(page.text):
            begin, address = match.start(), match[0]
            local, _, domain = address.partition("@")
            if local.endswith(".") or ".." in local:
                continue
            # The user and password of a link are no mailbox: ftp://user:secret@example.org
            if _AUTHORITY.search(page.text, max(0, begin - 100), begin):
                continue
            if local.startswith("'"):
                begin, address = begin + 1, address[1:]
            # Domains are ASCII in nearly all mail; another script is more often a misread page.
            confidence = 0.95 if domain.isascii() else 0.7
            value = address.lower()
            yield Mention("EMAIL", begin, match.end(), confidence, value, value)
