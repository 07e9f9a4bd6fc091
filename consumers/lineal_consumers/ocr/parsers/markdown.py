"""Markdown: the text as a reader of the rendered page sees it, and its tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lineal_consumers.ocr.parsers.data_urls import is_data_url
from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.parsers.html import add_picture, visible_text
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    clean,
    engine,
    key_value,
    row_line,
    table,
)

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_PARSED = 2_000_000
"""Longer texts are taken as they are: the parser does about 250 kB a second."""
_OPENINGS = ("[", "*", "_", "`", "<", "&", "~")
_MAX_OPENINGS = 20_000
"""The parser takes time by the square of marks that are opened and not closed."""
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z_][\w -]*):[ \t]+(\S.*)$", re.MULTILINE)


def read_markdown(path: Path, max_characters: int = MAX_PARSED) -> Parsed:
    """The visible text, without the marks; the fields of YAML front matter are key-values. A text
    of more than ``max_characters`` is taken as it is."""
    source, encoding = decode(path.read_bytes())
    source = clean(source)
    openings = max(map(source.count, _OPENINGS))
    if len(source) > max_characters or openings > _MAX_OPENINGS:
        return Parsed(engine("charset-normalizer", encoding=encoding), [ParsedPage(source)])
    page = ParsedPage("")
    blocks: list[str] = []
    if front := _FRONT_MATTER.match(source):
        fields = _FIELD.findall(front[1])
        page.key_values = [key_value(key, value.strip("\"' ")) for key, value in fields]
        blocks.append(front[1])
        source = source[front.end() :]
    page.text = "\n".join([*blocks, *_blocks(source, page)])
    return Parsed(engine("markdown-it-py", encoding=encoding), [page])


def _blocks(source: str, page: ParsedPage) -> list[str]:
    from markdown_it import MarkdownIt

    blocks: list[str] = []
    lists: list[int | None] = []
    marks: list[str] = []
    """Numbers that stand before the text that comes next."""
    rows: list[list[str]] | None = None
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        match token.type:
            case "table_open":
                rows = []
            case "table_close" if rows is not None:
                page.tables.append(table(rows))
                blocks.extend([*map(row_line, rows), ""])
                rows = None
            case "tr_open" if rows is not None:
                rows.append([])
            case "list_item_open" if lists and (number := lists[-1]) is not None:
                marks.append(f"{number}. ")
                lists[-1] = number + 1
            case "inline":
                text = "".join(marks) + _inline(token.children or (), page)
                marks.clear()
                blocks.append(text) if rows is None else rows[-1].append(text)
            case "fence" | "code_block":
                blocks.extend([token.content.rstrip("\n"), ""])
            case "html_block":
                inner = visible_text(token.content)
                blocks.append(inner.text.strip())
                page.tables += inner.tables
                page.pictures += inner.pictures
            case "bullet_list_open" | "ordered_list_open":
                numbered = token.type == "ordered_list_open"
                lists.append(int(token.attrGet("start") or 1) if numbered else None)
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
                if not lists:
                    blocks.append("")
            case "paragraph_close" | "heading_close" if not lists:
                blocks.append("")
    return blocks


def _inline(tokens: Sequence[Token], page: ParsedPage) -> str:
    parts: list[str] = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline" | "text_special" | "image":
                parts.append(token.content)
                source = str(token.attrGet("src") or "")
                if is_data_url(source):
                    add_picture(page, source)
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "html_inline" if token.content.startswith(("<br", "<BR")):
                parts.append("\n")
            case "html_inline":
                page.pictures += visible_text(token.content).pictures
    return "".join(parts)
