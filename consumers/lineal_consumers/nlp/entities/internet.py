"""Recognises web addresses and network addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.surroundings import after, before

_URL = re.compile(
    r"(?<![\w@.-])(?:(?:https?|ftps?)://|www\.(?=[\w-]))[^\s<>\"'“”|\\^`{}\x00-\x1f]{2,2000}", re.I
)
# Bare domains only under endings that are no words: "end.In", "file.py", "e.g." are none.
_DOMAIN = re.compile(
    r"(?<![\w@./-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}"
    r"(?:com|org|net|edu|gov|info|biz|io|co\.uk|eu|de|fr|nl|ch|at|COM|ORG|NET)"
    r"(?:/[\w./%?=&#~+-]{0,500})?(?![\w@-])"
)
_IPV4 = re.compile(
    r"(?<![\w.:/-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w)(?::\d{2,5}\b)?(?:/\d{1,2}\b)?"
)
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{4,39}(?![\w:])")
_NOT_AN_IP = re.compile(
    r"(?:\bv|version|release|build|firmware|rev(?:ision)?|section|sec\.|§|chapter|clause|article"
    r"|paragraph|kapitel|oid)[ \t:.#]{0,3}$"
)


class InternetRecognizer:
    """``URL`` and ``IP_ADDRESS`` (version 4 and 6)."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        text = page.text
        for match in _URL.finditer(text):
            url = _trimmed(match[0])
            yield Mention("URL", match.start(), match.start() + len(url), 0.95, _normal(url), url)
        if "." in text:
            for match in _DOMAIN.finditer(text):
                url = match[0].rstrip(".")
                end = match.start() + len(url)
                yield Mention("URL", match.start(), end, 0.6, _normal(url), url)
            yield from _ip_addresses(text)
        if text.count(":") > 1:
            for match in _IPV6.finditer(text):
                yield from _ipv6(match)


def _trimmed(url: str) -> str:
    """Without the punctuation of the sentence around it; a bracket stays if it was opened."""
    while url:
        last = url[-1]
        if last in ".,;:!?…*_'’" or (
            last in ")]" and url.count(last) > url.count("(["[last == "]"])
        ):
            url = url[:-1]
        else:
            break
    return url


def _normal(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    host, slash, path = rest.partition("/")
    path = path if path else ""
    return f"{scheme.lower()}{separator}{host.lower()}{slash if path else ''}{path}"


def _ip_addresses(text: str) -> Iterator[Mention]:
    for match in _IPV4.finditer(text):
        address = re.split("[:/]", match[0], maxsplit=1)[0]
        try:
            value = str(ip_address(address))
        except ValueError:
            continue
        if _NOT_AN_IP.search(before(text, match.start())) or "version" in after(text, match.end()):
            continue
        # 1.2.3.4 is as likely a version or a section.
        small = all(int(part) < 10 for part in address.split("."))
        begin = match.start()
        yield Mention(
            "IP_ADDRESS", begin, begin + len(address), 0.4 if small else 0.9, value, value
        )


def _ipv6(match: re.Match[str]) -> Iterator[Mention]:
    candidate = match[0]
    if candidate.count(":") < 3 and not ("::" in candidate and any(map(str.isdigit, candidate))):
        return
    try:
        value = str(ip_address(candidate))
    except ValueError:
        return
    yield Mention("IP_ADDRESS", match.start(), match.end(), 0.9, value, value)
