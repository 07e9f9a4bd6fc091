"""The blocks of an article, in the order in which they are read: headings, paragraphs, items."""

from __future__ import annotations

from typing import NamedTuple

from lxml import etree, html  # type: ignore[import-untyped]

from lineal_schemas.articles import BlockKind

_KINDS: dict[str, BlockKind] = {
    "h1": "heading", "h2": "heading", "h3": "heading", "h4": "heading", "h5": "heading",
    "h6": "heading", "p": "paragraph", "li": "item", "blockquote": "quotation", "td": "paragraph",
    "th": "paragraph", "dt": "paragraph", "dd": "paragraph", "figcaption": "paragraph",
    "div": "paragraph", "section": "paragraph", "article": "paragraph", "body": "paragraph",
    "main": "paragraph", "header": "paragraph", "tr": "paragraph", "ul": "paragraph",
    "ol": "paragraph", "table": "paragraph", "figure": "paragraph",
}  # fmt: skip
_NOT_READ = frozenset(
    ["script", "style", "template", "noscript", "nav", "svg", "math", "iframe", "head", "form"]
)
_CODE = "pre"
SSML = frozenset(["break", "emphasis", "say-as", "sub"])


class Run(NamedTuple):
    """A stretch of text, or an element of SSML."""

    text: str
    """As it is read."""
    tag: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class Block(NamedTuple):
    """What is spoken in one go."""

    kind: BlockKind
    runs: tuple[Run, ...]


class Article(NamedTuple):
    """An article without what is not read."""

    blocks: list[Block]
    left_out: int
    """Pieces of code, which make no sense when they are spoken."""


def read_article(content: bytes, media_type: str) -> Article:
    """The blocks of Markdown, HTML or plain text (by blank lines).

    Raises:
        ValueError: it is none of these, or no UTF-8.
    """
    text = content.decode("utf-8-sig")
    kind = media_type.partition(";")[0].strip().lower()
    if kind in ("text/markdown", "text/x-markdown"):
        from markdown_it import MarkdownIt

        return _of_html(MarkdownIt("commonmark").enable("table").render(text))
    if kind in ("text/html", "application/xhtml+xml"):
        return _of_html(text)
    if kind == "text/plain":
        paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
        return Article([Block("paragraph", (Run(one),)) for one in paragraphs if one], 0)
    raise ValueError(f"an article is Markdown, HTML or plain text, and not {kind}")


def _of_html(text: str) -> Article:
    if not text.strip():
        return Article([], 0)
    # an encoding that the text declares is not that of the bytes we hand over
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    root = html.document_fromstring(text.encode(), parser=parser)
    reader = _Reader()
    reader.read(root, "paragraph")
    reader.close("paragraph")
    return Article(reader.blocks, reader.left_out)


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.left_out = 0
        self._runs: list[Run] = []

    def read(self, element: html.HtmlElement, kind: BlockKind) -> None:
        self._text(element.text)
        for child in element:
            self._child(child, kind)
            self._text(child.tail)

    def close(self, kind: BlockKind) -> None:
        """What was read until now is a block."""
        if any(run.text.strip() for run in self._runs):
            self.blocks.append(Block(kind, tuple(self._runs)))
        self._runs = []

    def _child(self, child: etree._Element, kind: BlockKind) -> None:
        tag = child.tag
        if not isinstance(tag, str) or tag in _NOT_READ:
            return
        if tag == _CODE:
            self.close(kind)
            self.left_out += 1
        elif tag in _KINDS:
            self.close(kind)
            own = _KINDS[tag]
            inner: BlockKind = kind if own == "paragraph" and kind != "paragraph" else own
            self.read(child, inner)
            self.close(inner)
        elif tag in SSML:
            spoken = " ".join("".join(str(part) for part in child.itertext()).split())
            attributes = tuple((str(k), str(v)) for k, v in sorted(child.attrib.items()))
            # In HTML an empty element that is not known to be one goes on to the end of its block.
            if tag == "break":
                self._runs.append(Run("", tag, attributes))
                self.read(child, kind)
            else:
                self._runs.append(Run(spoken, tag, attributes))
        elif tag == "img":
            self._text(child.get("alt"))
        elif tag == "br":
            self._text(" ")
        else:
            self.read(child, kind)

    def _text(self, text: str | None) -> None:
        if text:
            self._runs.append(Run(text))
