"""RTF: everything that a reader of the document sees, in its order.

Source: Microsoft's Rich Text Format specification 1.9.1. striprtf would be the library for it; it
leaves out headers, footers, notes and pictures.
"""

from __future__ import annotations

import binascii
import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from lineal.stages import Reject
from lineal_consumers.ocr.hidden import HIDDEN_TEXT
from lineal_consumers.ocr.parsers.grid import check_cells
from lineal_consumers.ocr.parsers.open_xml import OTHER_PROGRAM
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    Picture,
    check_amount,
    engine,
    one_line,
    table,
)
from lineal_consumers.ocr.parsers.picture_limits import MAX_PICTURE_BYTES, has_room
from lineal_consumers.ocr.parsers.rich_text_field import FIELD_WORDS, RichTextField

_TOKEN = re.compile(
    rb"(?P<unicodes>(?:\\u-?\d{1,6} ?\?){2,5000})|(?P<hexes>(?:\\'[0-9a-fA-F]{2}){2,5000})"
    rb"|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})?[ ]?|\\'(?P<hex>[0-9a-fA-F]{2})"
    rb"|\\(?P<symbol>[^a-zA-Z])|(?P<open>\{)|(?P<close>\})|(?P<break>[\r\n]+)"
    rb"|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
_UNICODE = re.compile(rb"\\u(-?\d+)")
_MAX_DEPTH = 500
_MAX_TOKENS = 1_000_000
"""Control words, groups and stretches of text; runs of characters outside of ASCII are one."""
_LINES = {"par", "line", "sect", "page", "column", "softline", "softpage"}
_SIGNS = {
    "tab": "\t", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’",
    "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ",
}  # fmt: skip
_SKIPPED = {
    "fonttbl", "colortbl", "stylesheet", "info", "filetbl", "listtable", "listoverridetable",
    "rsidtbl", "generator", "themedata", "colorschememapping", "datastore", "latentstyles",
    "xmlnstbl", "mmathPr", "fldinst", "nonshppict", "objdata", "objclass", "bkmkstart", "bkmkend",
    "sp", "template", "revtbl", "pgdsctbl", "atnid", "atnref", "atndate", "atrfstart",
    "atrfend", "tc", "xe", "private", "userprops", "pnseclvl", "blipuid", "picprop",
}  # fmt: skip
"""Destinations without text for a reader. Of a shape's properties only its text is one."""
_SHOWN_IF_IGNORABLE = {
    "shppict", "shptxt", "shpinst", "annotation", "footnote", "ftnalt", "do", "dptxbxtext",
    "header", "footer", "headerl", "headerr", "headerf", "footerl", "footerr", "footerf",
    "moMath", "mmath", "mr", "atnauthor",
}  # fmt: skip
_PAGES = {0: 1252, 77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254,
          163: 1258, 177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250}  # fmt: skip
"""Code pages of font charsets."""
_BLIPS = {"pngblip", "jpegblip"}
_APART = {"listtext", "pntext", "ffl", "ffname"}
"""Destinations whose text is looked at before it is shown: the number of an item, a choice of a
form."""
_NUMBERED = re.compile(r"[^\w]?(?:\w{0,6}\d[\w.]*|[A-Za-z]{1,6}(?=[.):]))[.):]*")
"""What stands before an item and is no bullet."""


@dataclass(slots=True)
class _Group:
    skipped: bool = False
    picture: bool = False
    fonts: bool = False
    unicode_skip: int = 1
    codec: str = "cp1252"
    hidden: bool = False
    deleted: bool = False
    capture: str = ""
    """The destination whose text is put apart, until it ends."""


def read_rich_text(path: Path) -> Parsed:
    """The text as one page, with headers, footers, notes, comments, and its pictures."""
    return Parsed(engine("lineal", format="rtf"), [rich_text_page(path.read_bytes())])


def rich_text_page(data: bytes) -> ParsedPage:
    """The page that some RTF makes.

    Raises:
        Reject: its groups are nested deeper than is read, or it holds too much text.
    """
    reader = _Reader()
    reader.read(data)
    return reader.page()


class _Reader:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._bytes = bytearray()
        self._groups = [_Group()]
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._default = "cp1252"
        self._to_skip = 0
        self._ignorable = False
        self._picture = bytearray()
        self._picture_kind = ""
        self._page = ParsedPage("")
        self._cells: list[str] = []
        self._cell_begin = 0
        self._rows: list[list[str]] = []
        self._in_table = False
        self._characters = 0
        self._count = 0
        self._captured: list[str] = []
        self._field = RichTextField()
        self._deleted: list[str] = []
        self._default_font = 0

    def page(self) -> ParsedPage:
        """The page that was read."""
        self._flush()
        self._end_table()
        deleted = one_line("".join(self._deleted))
        text = "".join(self._out) + (f"\nDeleted: {deleted}" if deleted else "")
        if not text.isascii():
            # Characters outside of the first 65,536 are written as the two halves of UTF-16.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        lines = text.split("\n")
        self._page.text = "\n".join(line.rstrip() for line in lines).strip("\n")
        return self._page

    def read(self, data: bytes) -> None:
        """Read a file from its first byte to its last."""
        at, end, tokens = 0, len(data), 0
        while at < end:
            tokens += 1
            if tokens > _MAX_TOKENS:
                raise Reject(
                    f"the document is too large: at most {_MAX_TOKENS:,} control words are read"
                )
            match = _TOKEN.match(data, at)
            if match is None:
                break
            at = match.end()
            kind = match.lastgroup
            if kind in ("word", "number"):
                word = match["word"].decode("ascii")
                number = int(match["number"]) if match["number"] else None
                if word == "bin":
                    count = max(0, min(number or 0, end - at))
                    if self._groups[-1].picture:
                        self._picture += binascii.hexlify(data[at : at + count])
                    at += count
                else:
                    self._word(word, number)
            elif kind == "hexes" and not self._to_skip:
                self._bytes += bytes.fromhex(match["hexes"].replace(b"\\'", b"").decode())
            elif kind == "unicodes" and self._groups[-1].unicode_skip == 1 and not self._to_skip:
                self._flush()
                numbers = map(int, _UNICODE.findall(match["unicodes"]))
                self._write("".join(chr(number % 0x10000) for number in numbers))
            elif kind in ("hexes", "unicodes"):
                at = self._first_of(match[kind], match.start())
            elif kind == "hex":
                self._byte(bytes((int(match["hex"], 16),)))
            elif kind == "symbol":
                self._symbol(match["symbol"].decode("latin-1"))
            elif kind == "open":
                self._open()
            elif kind == "close":
                self._close()
            elif kind == "text":
                self._text(match["text"])

    def _first_of(self, run: bytes, begin: int) -> int:
        """Read the first character of a run alone; returns where it ends."""
        if run.startswith(b"\\'"):
            self._byte(bytes((int(run[2:4], 16),)))
            return begin + 4
        match = _UNICODE.match(run)
        assert match is not None
        self._word("u", int(match[1]))
        return begin + match.end() + (run[match.end() : match.end() + 1] == b" ")

    def _open(self) -> None:
        self._flush()
        last = self._groups[-1]
        if len(self._groups) > _MAX_DEPTH:
            raise Reject(f"the document is too deep: at most {_MAX_DEPTH} groups are read")
        self._groups.append(
            _Group(last.skipped, last.picture, last.fonts, last.unicode_skip, last.codec,
                   last.hidden, last.deleted, last.capture)
        )  # fmt: skip
        self._to_skip = 0

    def _close(self) -> None:
        self._flush()
        closed = self._groups.pop() if len(self._groups) > 1 else self._groups[0]
        if closed.picture and not self._groups[-1].picture:
            self._end_picture()
        if closed.capture and closed.capture != self._groups[-1].capture:
            self._end_capture(closed.capture)
        self._ignorable = False
        self._to_skip = 0

    def _word(self, word: str, number: int | None) -> None:
        group = self._groups[-1]
        if word == "u" and number is not None:
            self._flush()
            self._write(chr(number % 0x10000))
            self._to_skip = group.unicode_skip
            return
        if self._to_skip:
            self._to_skip -= 1
        ignorable, self._ignorable = self._ignorable, False
        if word == "pict":
            self._flush()
            group.picture, self._picture, self._picture_kind = True, bytearray(), ""
        elif word == "fonttbl":
            group.fonts = group.skipped = True
        elif word == "upr":
            # The same text twice, for readers of old and, behind it, in Unicode.
            self._flush()
            group.skipped = True
        elif word == "ud" and len(self._groups) > 2:
            self._flush()
            group.skipped = self._groups[-3].skipped
        elif word in _APART:
            self._flush()
            group.capture, group.skipped = word, False
        elif word == "formfield":
            self._flush()
            self._field = RichTextField()
            group.capture = word
        elif word in FIELD_WORDS:
            self._field.values[word] = number or 0
        elif word in _SKIPPED or (ignorable and word not in _SHOWN_IF_IGNORABLE):
            self._flush()
            group.skipped = True
            if word == "objdata":
                self._page.doubt(OTHER_PROGRAM)
        elif word in _SHOWN_IF_IGNORABLE:
            self._flush()
            group.skipped = False
            self._line()
        elif word == "uc":
            group.unicode_skip = max(0, min(number or 0, 100))
        elif word == "ansicpg":
            self._default = group.codec = _codec(number or 1252)
        elif word in ("mac", "pc", "pca"):
            self._default = group.codec = {"mac": "mac_roman", "pc": "cp437"}.get(word, "cp850")
        elif word == "f":
            self._flush()
            self._font = number or 0
            group.codec = self._fonts.get(self._font, self._default)
        elif word == "fcharset" and group.fonts:
            if (number or 0) in _PAGES and number:
                self._fonts[self._font] = _codec(_PAGES[number])
        elif word == "v":
            self._flush()
            group.hidden = number != 0
        elif word == "deleted":
            self._flush()
            group.deleted = number != 0
        elif word == "deff":
            self._default_font = number or 0
        elif word == "plain":
            self._flush()
            group.hidden = group.deleted = False
            group.codec = self._fonts.get(self._default_font, self._default)
        elif word in _BLIPS or word.startswith(("wmetafile", "emfblip", "dibitmap", "macpict")):
            self._picture_kind = word
        else:
            self._layout(word)

    def _layout(self, word: str) -> None:
        self._flush()
        if word == "intbl":
            self._in_table = True
        elif word in ("trowd", "pard"):
            self._in_table = self._in_table and word == "trowd"
        elif word in ("cell", "nestcell"):
            self._end_cell()
        elif word in ("row", "nestrow"):
            self._end_row()
        elif word in _LINES:
            self._line()
        elif word in _SIGNS:
            self._write(_SIGNS[word])

    def _symbol(self, symbol: str) -> None:
        self._flush()
        if symbol == "*":
            self._ignorable = True
        elif symbol in "\\{}":
            self._text(symbol.encode())
        elif symbol == "~":
            self._write("\u00a0")
        elif symbol == "-":
            self._write("\u00ad")
        elif symbol == "_":
            self._write("\u2011")
        elif symbol in "\r\n":
            self._line()

    def _text(self, text: bytes) -> None:
        if self._groups[-1].picture:
            self._picture += re.sub(rb"\s", b"", text)
            return
        if self._to_skip:
            text, self._to_skip = text[self._to_skip :], max(0, self._to_skip - len(text))
        self._bytes += text

    def _byte(self, byte: bytes) -> None:
        if self._to_skip:
            self._to_skip -= 1
        else:
            self._bytes += byte

    def _flush(self) -> None:
        if self._bytes:
            codec = self._groups[-1].codec
            self._write(self._bytes.decode(codec, "replace"))
            self._bytes.clear()

    def _write(self, text: str) -> None:
        group = self._groups[-1]
        if group.picture or (group.skipped and not group.capture):
            return
        if group.hidden and text.strip() and not group.capture:
            self._page.doubt(HIDDEN_TEXT)
        self._characters += len(text)
        check_amount(self._characters)
        if group.capture:
            self._captured.append(text)
        elif group.deleted:
            self._deleted.append(text)
        else:
            self._out.append(text)

    def _end_capture(self, destination: str) -> None:
        text = "".join(self._captured).strip()
        self._captured.clear()
        if destination == "ffl":
            self._field.choices.append(text)
        elif destination in ("listtext", "pntext"):
            if _NUMBERED.fullmatch(text):
                self._write(f"{text} ")
        elif destination == "formfield":
            # It stands among the instructions, of which nothing is shown.
            self._out.append(self._field.shown())

    def _line(self) -> None:
        if self._in_table:
            self._write(" ")
            return
        self._end_table()
        if not self._groups[-1].skipped:
            self._out.append("\n")

    def _end_cell(self) -> None:
        text = "".join(self._out[self._cell_begin :])
        if not self._cells and not self._rows:
            # What stands before the first cell of a table ends with its line.
            text = text.rpartition("\n")[2]
        text = one_line(text)
        self._cells.append(text)
        self._out.append("\t")
        self._cell_begin = len(self._out)
        self._count += 1
        check_cells(self._count)

    def _end_row(self) -> None:
        if self._cells:
            self._rows.append(self._cells)
            self._cells = []
        self._out.append("\n")
        self._cell_begin = len(self._out)

    def _end_table(self) -> None:
        if len(self._rows) > 1:
            self._page.tables.append(table(self._rows))
        self._rows = []
        self._cell_begin = len(self._out)

    def _end_picture(self) -> None:
        data, kind = self._picture, self._picture_kind
        self._picture = bytearray()
        if self._groups[-1].skipped or not data:
            return
        number = len(self._page.pictures) + 1
        if kind not in _BLIPS:
            self._page.doubt(f"a picture of the kind {kind or 'unknown'} was not read")
        elif len(data) // 2 > MAX_PICTURE_BYTES or not has_room(self._page):
            self._page.doubt("the page holds more pictures than are read")
        else:
            try:
                found = binascii.unhexlify(data[: len(data) // 2 * 2])
            except binascii.Error:
                self._page.doubt("a picture is damaged")
                return
            self._page.pictures.append(Picture(f"picture {number}", found))


def _codec(page: int) -> str:
    name = {10000: "mac_roman", 936: "gb18030", 65001: "utf-8"}.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"
