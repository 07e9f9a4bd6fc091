"""A document as JSON in the shape of Amazon Textract's ``AnalyzeDocument`` answer.

Source: botocore's service model of Textract (2018-06-27), ``AnalyzeDocumentResponse``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias
from uuid import UUID, uuid5

import orjson

from lineal_catalog.documents.made_renditions import RenditionMaker, RenditionSource
from lineal_catalog.pages.read_pages import ReadPage, ReadWord, around, read_document, text_lines

_NAMES = UUID("6d0b7a5e-5f0e-5c39-9d1c-6a4f1f0d2a11")
_WHOLE = (0.0, 0.0, 1.0, 1.0)
_Block: TypeAlias = dict[str, Any]


def make_textract(source: RenditionSource) -> bytes:
    """Blocks of pages, lines, words, key-value sets, tables and cells.

    What Textract knows and we do not is left out: whether a word is handwritten, selection marks.
    """
    document = read_document(source.result)
    blocks = [
        block for page in document.pages for block in _PageBlocks(page, source.document_id).make()
    ]
    answer = {
        "DocumentMetadata": {"Pages": len(document.pages)},
        "AnalyzeDocumentModelVersion": "1.0",
        "Blocks": blocks,
    }
    return orjson.dumps(answer) + b"\n"


class _PageBlocks:
    """The blocks of a page."""

    def __init__(self, page: ReadPage, document_id: str) -> None:
        self._page = page
        self._document_id = document_id
        self._words: list[tuple[ReadWord, str]] = []

    def make(self) -> Iterator[_Block]:
        """The page's own block, then those below it."""
        lines = list(self._lines())
        fields = list(self._fields())
        tables = list(self._tables())
        below = [
            block["Id"]
            for block in (*lines, *fields, *tables)
            if block["BlockType"] in ("LINE", "KEY_VALUE_SET", "TABLE")
        ]
        yield self._block("PAGE", "page", _WHOLE, children=below)
        yield from lines
        yield from fields
        yield from tables

    def _block(
        self,
        kind: str,
        name: str,
        box: Sequence[float] | None,
        *,
        text: str | None = None,
        confidence: float | None = None,
        children: Sequence[str] = (),
        **more: Any,
    ) -> _Block:
        block: _Block = {"BlockType": kind, "Id": self._id(name), "Page": self._page.number}
        if text is not None:
            block["Text"] = text
        if confidence is not None:
            block["Confidence"] = round(100 * confidence, 2)
        if box is not None:
            block["Geometry"] = _geometry(box)
        if children:
            block["Relationships"] = [{"Type": "CHILD", "Ids": list(children)}]
        return block | more

    def _id(self, name: str) -> str:
        return str(uuid5(_NAMES, f"{self._document_id}/{self._page.number}/{name}"))

    def _lines(self) -> Iterator[_Block]:
        if not self._page.lines:
            for number, text in enumerate(text_lines(self._page)):
                yield self._block("LINE", f"line/{number}", None, text=text)
        for number, line in enumerate(self._page.lines):
            words = [
                self._block(
                    "WORD",
                    f"word/{number}/{at}",
                    word.box,
                    text=word.text,
                    confidence=word.confidence,
                    TextType="PRINTED",
                )
                for at, word in enumerate(line)
            ]
            self._words += zip(line, (block["Id"] for block in words), strict=True)
            yield self._block(
                "LINE",
                f"line/{number}",
                around([word.box for word in line]),
                text=" ".join(word.text for word in line),
                confidence=sum(word.confidence for word in line) / len(line),
                children=[block["Id"] for block in words],
            )
            yield from words

    def _fields(self) -> Iterator[_Block]:
        for number, field in enumerate(self._page.raw.get("key_values") or ()):
            key, value = f"key/{number}", f"value/{number}"
            made = self._block(
                "KEY_VALUE_SET",
                key,
                field.get("key_box"),
                confidence=field["confidence"],
                children=self._inside(field.get("key_box")),
                EntityTypes=["KEY"],
            )
            made.setdefault("Relationships", []).insert(
                0, {"Type": "VALUE", "Ids": [self._id(value)]}
            )
            yield made
            yield self._block(
                "KEY_VALUE_SET",
                value,
                field.get("value_box"),
                confidence=field["confidence"],
                children=self._inside(field.get("value_box")),
                EntityTypes=["VALUE"],
            )

    def _tables(self) -> Iterator[_Block]:
        for number, table in enumerate(self._page.raw.get("tables") or ()):
            box = table.get("box")
            unused = [] if box is None else [item for item in self._words if _holds(box, item[0])]
            cells = []
            for row, texts in enumerate(table["rows"]):
                for column, text in enumerate(texts):
                    words = _taken(unused, text)
                    cells.append(
                        self._block(
                            "CELL",
                            f"cell/{number}/{row}/{column}",
                            around([word.box for word, _ in words]) if words else None,
                            confidence=table["confidence"],
                            children=[id for _, id in words],
                            RowIndex=row + 1,
                            ColumnIndex=column + 1,
                            RowSpan=1,
                            ColumnSpan=1,
                        )
                    )
            yield self._block(
                "TABLE",
                f"table/{number}",
                box,
                confidence=table["confidence"],
                children=[cell["Id"] for cell in cells],
                EntityTypes=["STRUCTURED_TABLE"],
            )
            yield from cells

    def _inside(self, box: Sequence[float] | None) -> list[str]:
        return [] if box is None else [id for word, id in self._words if _holds(box, word)]


def _taken(unused: list[tuple[ReadWord, str]], text: str) -> list[tuple[ReadWord, str]]:
    """The words of a cell's text, taken out of those of its table."""
    found = []
    for wanted in text.split():
        at = next((at for at, (word, _) in enumerate(unused) if word.text == wanted), None)
        if at is not None:
            found.append(unused.pop(at))
    return found


def _holds(box: Sequence[float], word: ReadWord) -> bool:
    """Whether the middle of a word is in a box."""
    left, top, across, down = box
    x, y = word.box[0] + word.box[2] / 2, word.box[1] + word.box[3] / 2
    return left <= x <= left + across and top <= y <= top + down


def _geometry(box: Sequence[float]) -> _Block:
    left, top, across, down = box
    right, bottom = left + across, top + down
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return {
        "BoundingBox": {"Width": across, "Height": down, "Left": left, "Top": top},
        "Polygon": [{"X": x, "Y": y} for x, y in corners],
        "RotationAngle": 0.0,
    }


TEXTRACT = RenditionMaker("textract", "application/json", "textract.json", make_textract)
