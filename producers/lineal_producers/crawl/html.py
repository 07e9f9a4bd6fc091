"""What a crawl reads in a page: links, images, and what is said of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lineal_producers.crawl.urls import normalised
from lineal_schemas.diagrams import Appearance

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

_TEXT_LENGTH = 2_000
_NOT_SAID = frozenset(("script", "style", "template", "noscript", "svg"))


class Page(NamedTuple):
    """A page that was read."""

    canonical: str | None
    """The URL under which the page wants to be known."""
    links: tuple[str, ...]
    images: tuple[tuple[str, Appearance], ...]
    """By their URLs."""
    follow: bool
    """Whether its links may be followed, as its ``robots`` element says."""


def read_page(url: str, body: bytes, charset: str | None) -> Page:
    """Read a page as HTML, however broken."""
    from lxml import etree  # type: ignore[import-untyped]
    from lxml import html as lxml_html

    try:
        parser = lxml_html.HTMLParser(encoding=charset, huge_tree=False)
    except LookupError:
        parser = lxml_html.HTMLParser(huge_tree=False)
    try:
        root: HtmlElement = lxml_html.document_fromstring(body or b"<html/>", parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return Page(None, (), (), True)
    base = url
    for element in root.iterfind(".//base[@href]"):
        base = normalised(element.get("href", ""), url) or url
        break
    said = " ".join(
        element.get("content", "").lower()
        for element in root.iterfind(".//meta[@name]")
        if element.get("name", "").lower() == "robots"
    )
    links = dict.fromkeys(
        found
        for element in root.iter("a", "area")
        if element.get("href") and "nofollow" not in element.get("rel", "").lower()
        if (found := normalised(element.get("href", ""), base)) is not None
    )
    canonical = None
    for element in root.iterfind(".//link[@rel='canonical']"):
        canonical = normalised(element.get("href", ""), base)
    follow = "nofollow" not in said and "none" not in said
    return Page(canonical, tuple(links), tuple(_images(root, url, base)), follow)


def _images(root: HtmlElement, url: str, base: str) -> list[tuple[str, Appearance]]:
    title = _squeezed(root.findtext(".//title") or "", 300)
    text = _visible(root, _TEXT_LENGTH)
    found: dict[str, Appearance] = {}
    for element in root.iter("img"):
        source = normalised(element.get("src") or element.get("data-src") or "", base)
        if source is None or source == base or source in found:
            continue
        alt = _squeezed(element.get("alt") or element.get("title") or "", 1_000)
        caption = _caption(element)
        found[source] = Appearance(page=url, title=title, alt=alt, caption=caption, text=text)
    return list(found.items())


def _caption(image: HtmlElement) -> str:
    for element in image.iterancestors("figure"):
        for caption in element.iter("figcaption"):
            return _visible(caption, 1_000)
    return ""


def _visible(root: HtmlElement, length: int) -> str:
    """The text of an element without its scripts and styles."""
    pieces: list[str] = []
    hidden = 0
    from lxml import etree

    for event, element in etree.iterwalk(root, events=("start", "end")):
        unsaid = not isinstance(element.tag, str) or element.tag in _NOT_SAID
        if event == "start":
            hidden += unsaid
            if not hidden and element.text and element.tag != "title":
                pieces.append(element.text)
        else:
            hidden -= unsaid
            if not hidden and element.tail and element is not root:
                pieces.append(element.tail)
    return _squeezed(" ".join(pieces), length)


def _squeezed(text: str, length: int) -> str:
    # lone surrogates come from escapes in broken pages, and no store takes them
    return " ".join(text.encode("utf-8", "ignore").decode().split())[:length]
