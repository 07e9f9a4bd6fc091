"""HTML: what a browser that runs no scripts would show, and its tables.

lxml's parser calls back for each tag instead of building a tree, so neither deep nesting nor
twenty megabytes of tags (20 seconds, most of them for tables) need more memory than the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from lineal_consumers.ocr.hidden import HIDDEN_TEXT
from lineal_consumers.ocr.parsers.data_urls import (
    framed_markup,
    is_data_url,
    pictures_of,
    read_data_url,
)
from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.grid import check_cells
from lineal_consumers.ocr.parsers.html_list import OpenList
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    Picture,
    clean,
    engine,
    one_line,
    table,
)
from lineal_consumers.ocr.parsers.picture_limits import MAX_PICTURE_BYTES, has_room
from lineal_schemas.results import Table

_UNSEEN = {
    "script", "style", "template", "head", "iframe", "datalist", "rp", "annotation",
    "annotation-xml", "desc", "metadata",
}  # fmt: skip
"""The last two in drawings, those before them in formulas."""
_DEFINED = {"defs", "symbol"}
"""In drawings: shown where something uses it, whichever."""
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd",
    "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "main", "nav", "noscript",
    "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody", "text", "tfoot",
    "thead", "title", "tr", "ul",
}  # fmt: skip
_WITHOUT_TEXT = frozenset(
    {"checkbox", "color", "file", "hidden", "image", "password", "radio", "range"}
)
"""Kinds of input whose value is not shown as text."""
_PLACED = ("x", "y", "dx", "dy")
"""What sets a part of a drawing's text apart from the text before it."""
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"^\s*<\?xml[^>]+encoding\s*=\s*[\"']([\w:.-]+)")
_XHTML = re.compile(r"^\s*<\?xml|http://www\.w3\.org/1999/xhtml")
_SECTION = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_SPACES = re.compile(r"\s+")
_MAX_COLUMNS = 1_000
_MAX_SPANNED = 10_000
_MAX_FRAMES = 8
"""Pages inside each other."""
_MAX_NESTED_TABLES = 30
"""Tables inside each other; deeper ones are text of the one they stand in."""


def read_html(path: Path) -> Parsed:
    """The visible text as one page, the title first; tables of at least two by two cells."""
    page, encoding, _ = html_page(path.read_bytes())
    return Parsed(engine("lxml", encoding=encoding), [page])


def html_page(data: bytes, declared: str | None = None) -> tuple[ParsedPage, str, list[str]]:
    """The visible text of some HTML with its tables and the pictures inside it, the encoding it
    was in, and where its other pictures are.

    Args:
        declared: the encoding that stands outside of it, in the header of a mail.
    """
    found = _CHARSET.search(data[:4096]) or _XML_ENCODING.search(data[:4096])
    inside = found[1].decode("ascii") if found else None
    declared = declared or inside
    if declared and declared.lower().startswith(("utf-16", "utf-32", "ucs")):
        # Nobody could have read the declaration if it were true.
        declared = None
    text, encoding = decode(data, declared)
    page, sources = _visible(text)
    return page, encoding, sources


def visible_text(markup: str) -> ParsedPage:
    """The text that a browser would show of some HTML, its tables, and the pictures inside it."""
    return _visible(markup)[0]


def _visible(markup: str) -> tuple[ParsedPage, list[str]]:
    target = _parsed(markup)
    page = target.page()
    others = []
    for source in target.sources:
        if is_data_url(source):
            add_picture(page, source)
        elif ":" not in source.partition("/")[0]:
            others.append(source)
    return page, others


def _parsed(markup: str, depth: int = 0) -> _Visible:
    from lxml import etree  # type: ignore[import-untyped]

    target = _Visible(depth, uses="<use" in markup)
    # Fed as UTF-8, as the characters of a str may not all be ones that lxml takes; the
    # declared encoding is overruled by naming this one.
    parser = etree.HTMLParser(target=target, recover=True, huge_tree=True, encoding="utf-8")
    if _XHTML.search(markup[:2048]):
        # In XML such a section is text; a parser of HTML takes it for a comment.
        markup = _SECTION.sub(lambda section: escape(section[1]), markup)
    content = clean(markup).encode()
    if content.strip():
        parser.feed(content)
        parser.close()
    return target


def add_picture(page: ParsedPage, source: str) -> None:
    """Add the picture that a data URL holds."""
    if len(source) > 2 * MAX_PICTURE_BYTES or not has_room(page):
        page.doubt("the page holds more pictures than are read")
        return
    content = read_data_url(source)
    if content is None:
        page.doubt("a picture is damaged")
    elif content.is_picture:
        page.pictures.append(Picture(f"picture {len(page.pictures) + 1}", content.data))


@dataclass(slots=True)
class _OpenTable:
    rows: list[list[str]] = field(default_factory=list)
    below: dict[int, int] = field(default_factory=dict)
    """Columns that a cell of an earlier row still spans, and for how many rows."""
    cell: int | None = None
    """Where the open cell's text begins in the output."""
    spans: tuple[int, int] = (1, 1)
    nested: bool = False

    def open_row(self) -> None:
        self.rows.append([])
        self._skip_spanned()

    def place(self, text: str) -> None:
        """Put a cell into the last row; a cell that spans several has its text in the first."""
        columns, rows = self.spans
        row = self.rows[-1]
        for column in range(min(columns, _MAX_COLUMNS - len(row))):
            if rows > 1:
                self.below[len(row)] = rows - 1
            row.append("" if column else text)
        self._skip_spanned()

    def _skip_spanned(self) -> None:
        row = self.rows[-1]
        while self.below.get(len(row), 0) > 0:
            self.below[len(row)] -= 1
            row.append("")


class _Visible:
    """Receives tags and text from lxml, and writes lines."""

    def __init__(self, depth: int, *, uses: bool) -> None:
        self.out: list[str] = []
        self.sources: list[str] = []
        """Where the pictures are."""
        self.tables: list[Table] = []
        self.doubts: list[str] = []
        self._depth = depth
        self._open: list[_OpenTable] = []
        self._too_deep = 0
        self._cells = 0
        self._unseen = 0
        self._hidden = 0
        """Open elements of which the outermost is hidden."""
        self._title = 0
        self._drawings = 0
        self._in_head = False
        self._verbatim = 0
        self._uses = uses
        self._lists: list[OpenList] = []
        self._reading = 0
        self._readings: list[str] = []
        """How characters are pronounced: they are a word without it, and it follows."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._hidden or _hidden(attributes):
            self._hidden += 1
        self._in_head = self._in_head or tag == "head"
        self._drawings += tag == "svg"
        label = tag == "title" and self._drawings > 0
        if tag == "title" and self._unseen <= self._in_head and not label:
            self._title += 1
        elif self._unseen or label or (tag in _DEFINED and not self._uses):
            self._unseen += 1
            return
        elif attributes:
            self._embedded(tag, attributes)
        if _is_replaced(tag, attributes):
            self._unseen += 1
            return
        if tag in _BLOCKS or (tag == "tspan" and not attributes.keys().isdisjoint(_PLACED)):
            self._break()
        self._mark(tag, attributes)
        if tag == "br":
            self.out.append("\n")
        elif tag == "pre" or tag == "textarea":
            self._verbatim += 1
        elif tag == "img":
            self.data(f" {attributes.get('alt', '')} ")
        elif tag == "input" and attributes.get("type", "text").lower() not in _WITHOUT_TEXT:
            shown = attributes.get("value", "") or attributes.get("placeholder", "")
            self.data(f" {shown} ")
        elif tag == "table" and len(self._open) == _MAX_NESTED_TABLES:
            self._too_deep += 1
        elif self._too_deep:
            return
        elif tag == "table":
            if self._open:
                self._open[-1].nested = True
            self._open.append(_OpenTable())
        elif self._open:
            self._start_in_table(tag, attributes)

    def end(self, tag: str) -> None:
        self._hidden -= self._hidden > 0
        if tag == "title" and self._title:
            self._title -= 1
            self._break()
            return
        self._in_head = self._in_head and tag != "head"
        self._drawings -= tag == "svg" and self._drawings > 0
        if self._unseen:
            self._unseen -= 1
            return
        if tag == "rt":
            self._reading = max(0, self._reading - 1)
        elif tag in ("ol", "ul") and self._lists:
            self._lists.pop()
        if tag in ("pre", "textarea"):
            self._verbatim = max(0, self._verbatim - 1)
        if self._too_deep:
            self._too_deep -= tag == "table"
        elif tag in ("td", "th") and self._open:
            self._end_cell()
        elif tag == "table" and self._open:
            self._end_table()
        if tag in _BLOCKS:
            self._break()

    def data(self, text: str) -> None:
        if self._unseen and not self._title:
            return
        if self._hidden and HIDDEN_TEXT not in self.doubts and text.strip():
            self.doubts.append(HIDDEN_TEXT)
        if not self._verbatim:
            text = _SPACES.sub(" ", text)
            if not self.out or self.out[-1][-1:] in "\n\t ":
                text = text.lstrip(" ")
        if self._reading:
            self._readings.append(text)
        elif text:
            self.out.append(text)

    def comment(self, text: str) -> None:
        """Comments are not shown."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Nor are processing instructions."""

    def close(self) -> None:
        """Called by lxml at the end; the text is taken by :meth:`page`."""

    def page(self) -> ParsedPage:
        self._end_readings()
        lines = (line.rstrip(" ") for line in "".join(self.out).split("\n"))
        return ParsedPage("\n".join(lines).strip(), self.tables, doubts=self.doubts)

    def _embedded(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the pictures that an element shows, and the pages inside this one."""
        markup = framed_markup(tag, attributes)
        if markup is not None:
            self._frame(markup)
        for source in pictures_of(tag, attributes):
            drawing = read_data_url(source) if is_data_url(source) else None
            if drawing is None or drawing.is_picture:
                self.sources.append(source)
            elif markup is None and drawing.markup is not None:
                self._frame(drawing.markup)

    def _frame(self, markup: str) -> None:
        if self._depth == _MAX_FRAMES:
            self.doubts.append(f"pages in more than {_MAX_FRAMES} pages are not read")
            return
        inner = _parsed(markup, self._depth + 1)
        page = inner.page()
        if page.text:
            self._break()
            self.out.append(page.text + "\n")
        self.tables += page.tables
        self.doubts += page.doubts
        self.sources += inner.sources

    def _mark(self, tag: str, attributes: dict[str, str]) -> None:
        """Write what a browser puts before or beside the text of an element."""
        if tag == "rt":
            self._reading += 1
        elif tag in ("ol", "ul"):
            self._lists.append(OpenList.of(tag, attributes))
        elif tag == "li" and self._lists:
            self.data(self._lists[-1].mark(attributes.get("value", "")))
        elif tag == "optgroup":
            self._break()
            self.data(f"{attributes.get('label', '')} ")
        elif tag == "input" and attributes.get("type", "").lower() in ("checkbox", "radio"):
            self.data(" ☒ " if "checked" in attributes else " ☐ ")

    def _end_readings(self) -> None:
        if self._readings and not self._reading:
            said = " ".join("".join(self._readings).split())
            self.out.append(f" ({said})" if said else "")
            self._readings.clear()

    def _break(self) -> None:
        self._end_readings()
        if self.out and not self.out[-1].endswith("\n"):
            self.out.append("\n")

    def _start_in_table(self, tag: str, attributes: dict[str, str]) -> None:
        current = self._open[-1]
        if tag == "tr":
            current.open_row()
            self._count(len(current.rows[-1]))
        elif tag in ("td", "th"):
            if not current.rows:
                current.open_row()
            if current.rows[-1] and self.out and not self.out[-1].endswith("\n"):
                self.out.append("\t")
            current.cell = len(self.out)
            current.spans = (_span(attributes, "colspan"), _span(attributes, "rowspan"))

    def _end_cell(self) -> None:
        current = self._open[-1]
        if current.cell is None:
            return
        self._end_readings()
        text = one_line("".join(self.out[current.cell :]))
        if not current.nested:
            # One line a row: breaks inside a cell would tear the row apart.
            self.out[current.cell :] = [text] if text else []
        before = len(current.rows[-1])
        current.place(text)
        self._count(len(current.rows[-1]) - before)
        current.cell = None

    def _count(self, cells: int) -> None:
        self._cells += cells
        check_cells(self._cells)

    def _end_table(self) -> None:
        closed = self._open.pop()
        rows = [row for row in closed.rows if any(row)]
        if not closed.nested and len(rows) > 1 and max(map(len, rows)) > 1:
            self.tables.append(table(rows))


def _is_replaced(tag: str, attributes: dict[str, str]) -> bool:
    """Whether what stands inside an element is not shown; a template is where it is a shadow
    tree that browsers attach while they read."""
    if tag == "object":
        return is_data_url(attributes.get("data", "").strip())
    return tag in _UNSEEN and not (tag == "template" and "shadowrootmode" in attributes)


def _hidden(attributes: dict[str, str]) -> bool:
    if not attributes:
        return False
    if "hidden" in attributes:
        return True
    return _HIDING.search(attributes.get("style", "")) is not None


def _span(attributes: dict[str, str], name: str) -> int:
    if not attributes:
        return 1
    value = attributes.get(name, "1").strip()
    return max(1, min(int(value), _MAX_SPANNED)) if value.isdecimal() and len(value) < 6 else 1
