"""Recognises sums of money, with amount and currency, and percentages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from lineal_consumers.nlp.engines import Mention, PageText

_SYMBOLS = {
    "US$": "USD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD",
    "HK$": "HKD", "S$": "SGD", "R$": "BRL", "MX$": "MXN", "$": "", "€": "EUR", "£": "GBP",
    "¥": "JPY", "￥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH",
    "₪": "ILS", "₫": "VND", "฿": "THB", "₦": "NGN", "₱": "PHP", "zł": "PLN", "Kč": "CZK",
    "Rs.": "INR", "Fr.": "CHF",
}  # fmt: skip
_CODES = (
    "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "CNY", "HKD", "SGD", "INR", "KRW",
    "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN", "RUB", "TRY", "ILS", "ZAR", "BRL",
    "MXN", "ARS", "CLP", "COP", "THB", "IDR", "MYR", "PHP", "VND", "AED", "SAR", "EGP", "NGN",
)  # fmt: skip
_WORDS = {
    "dollar": "", "dollars": "", "euro": "EUR", "euros": "EUR", "pounds": "GBP", "yen": "JPY",
    "rupees": "INR", "francs": "CHF",
}  # fmt: skip
# Whose "$" it is, by the country of the reader.
_DOLLARS = {"CA": "CAD", "AU": "AUD", "NZ": "NZD", "HK": "HKD", "SG": "SGD", "MX": "MXN"}
_SCALES = {
    "thousand": 1_000, "k": 1_000, "million": 1_000_000, "mn": 1_000_000, "m": 1_000_000,
    "mio": 1_000_000, "mln": 1_000_000, "bln": 1_000_000_000, "billion": 1_000_000_000,
    "bn": 1_000_000_000, "b": 1_000_000_000,
    "mrd": 1_000_000_000, "trillion": 1_000_000_000_000,
}  # fmt: skip

_NUMBER = (
    r"(?:\d{1,3}(?:[,.'’\u00a0\u202f]\d{3}){1,5}(?:[.,]\d{1,2})?(?!\d)|\d{1,12}(?:[.,]\d{1,4})?)"
)
_SPACED = r"\d{1,3}(?: \d{3}){1,4}(?:[.,]\d{1,2})?(?!\d)"
_SCALE = (
    r"(?:[ \u00a0-]?(?P<scale>thousand|(?i:million|billion|trillion)|bln|mln|mio|mrd|mn|bn|[kKmMbB]"
    r"|[MB]io|M[rn]d)\b)?"
)
_SYMBOL = "|".join(map(re.escape, sorted(_SYMBOLS, key=len, reverse=True)))
_CODE = "|".join(_CODES)
# Begins with plain alternatives, so that the regex engine skips to characters that can begin one.
_PREFIXED = re.compile(
    rf"(?P<currency>{_SYMBOL}|{_CODE})(?P<dollar>\$)?"
    rf"[ \t\u00a0]{{0,3}}(?P<sign>-)?(?P<number>{_NUMBER}){_SCALE}(?!\w)"
)
_SUFFIXED = re.compile(
    rf"(?<![\w.,:/-])(?P<number>{_SPACED}|{_NUMBER}){_SCALE}[ \u00a0]{{0,2}}"
    rf"(?P<currency>€|£|zł|Kč|₽|₴|₺|₫|¥|{_CODE}|{'|'.join(_WORDS)})(?!\w)"
)
_PERCENT = re.compile(
    r"(?<![\w.,/-])([+-]?\d{1,4}(?:[.,]\d{1,4})?)(?:\s?%(?!\d)|\s(?:percent|per\scent|pct)\b)"
)


class MoneyRecognizer:
    """``MONEY``, its value like ``1234.50 USD``, and ``PERCENT``, its value like ``7.5``."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        for pattern in (_PREFIXED, _SUFFIXED):
            for match in pattern.finditer(page.text):
                yield from _money(match, page.region)
        if "%" in page.text or "cent" in page.text or "pct" in page.text:
            for match in _PERCENT.finditer(page.text):
                value = match[1].replace(",", ".").lstrip("+")
                yield Mention("PERCENT", match.start(), match.end(), 0.9, value, value)


def _money(match: re.Match[str], region: str) -> Iterator[Mention]:
    from price_parser import Price

    begin, text = match.start(), match.string
    groups = match.groupdict()
    name = groups["currency"]
    # "AUS 5" is no US dollar sum, "R$" within "ERR$5" no real.
    if begin == match.start("currency") and name[0].isalpha() and text[begin - 1 : begin].isalnum():
        return
    amount = Price.fromstring(groups["number"]).amount
    if amount is None:
        return
    if groups["scale"]:
        amount *= Decimal(_SCALES[groups["scale"].lower()])
    if groups.get("sign") or text[max(0, begin - 1) : begin] == "-":
        amount = -amount
    currency = _SYMBOLS.get(name, _WORDS.get(name, name)) or _DOLLARS.get(region, "USD")
    value = f"{_plain(amount)} {currency}"
    yield Mention("MONEY", begin, match.end(), 0.9 if name in _CODES else 0.95, value, value)


def _plain(amount: Decimal) -> str:
    """With two decimals unless there are more: 5 is 5.00, 0.125 stays."""
    exponent = amount.as_tuple().exponent
    decimals = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{amount:.{decimals}f}"
