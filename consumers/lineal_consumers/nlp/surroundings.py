"""The words around a candidate that speak for or against it."""

from __future__ import annotations

import re

_REACH = 48


def before(text: str, begin: int, reach: int = _REACH) -> str:
    """The rest of the line before a candidate, in lower case, at most ``reach`` characters."""
    line = text.rfind("\n", max(0, begin - reach), begin) + 1
    return text[max(line, begin - reach, 0) : begin].lower()


def after(text: str, end: int, reach: int = 16) -> str:
    """The rest of the line after a candidate, in lower case, at most ``reach`` characters."""
    return text[end : end + reach].split("\n", 1)[0].lower()


NOT_PERSONAL = re.compile(
    r"\b(?:order|invoice|inv|tracking|serial|s/n|part|item|sku|ref|reference|po|p\.o\.|ticket|case"
    r"|batch|lot|model|product|isbn(?:-1[03])?|issn|ean|gtin|upc|imei|doi|transaction|trans|txn"
    r"|confirmation|quote|job|asset|version|build|timestamp|hash|sha(?:-?\d+)?|md5|uuid|id"
    r"|bestell\w*|rechnung\w*|artikel\w*|kunden\w*|facture|commande|factura|pedido)"
    r"\s{0,2}(?:(?:number|no|num|nr|id|code|key)\b\.?|#|n°|nº)?\s{0,2}[.:#=]{0,2}\s{0,3}#?$"
)
"""Labels of numbers that identify things, matched at the end of the text before one."""
