"""From bytes in some encoding to text."""

from __future__ import annotations

import codecs
import re

from lineal_catalog.file_formats.utf16 import unmarked_utf16
from lineal_consumers.ocr.parsers.code_pages import code_page

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 64 * 1024
_WESTERN = "cp1252"
_OTHERS = ("cp932", "euc_jp", "gb18030", "big5", "cp949", "iso2022_jp", "cp874", "cp1258")
"""Encodings that text files are found in today, beside those that :mod:`code_pages` tells."""
_DOS_PAGES = ("cp437", "cp850", "cp852", "cp858", "cp866")
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932"}
"""What senders call an encoding, and the larger one that they use."""
_SEVEN_BIT = {"iso2022_jp_2": (b"\x1b$", b"\x1b("), "hz": (b"~{", b"~}")}
"""Encodings that switch between alphabets, and how."""
_FEW = 2
_EBCDIC = "cp500"
_IN_EBCDIC = bytes(
    {*range(0xC1, 0xCA), *range(0xD1, 0xDA), *range(0xE2, 0xEA), *range(0x81, 0x8A),
     *range(0x91, 0x9A), *range(0xA2, 0xAA), *range(0xF0, 0xFA), 0x40, 0x4B, 0x6B, 0x60, 0x61, 0x7A,
     0x5E, 0x15, 0x25, 0x0D}
)  # fmt: skip
"""Letters, figures, blanks, marks and ends of lines in EBCDIC."""
_EBCDIC_SHARE = 0.95
_WORD_OF_UTF8 = re.compile(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]|[^\x00-\x7f]{3}")
"""A letter beyond ASCII beside other letters. One alone may be two bytes of Chinese."""
_MIXED_SHARE = 0.1
"""Share of the lines with other letters than ASCII that are UTF-8 from which a text is of lines in
two encodings, as when files of several programs are put together."""
_NARROW_SHARE = 0.3
_COMMON_SHARE = 0.2
_COMMON_CHINESE = {
    "big5": frozenset(
        "的一是不了人我在有他這為之大來以個中上們到說國和地也子時道出而要於就下得可你年生自會那後能"
        "對著事其裡所去行過家十用發天如然作方成者多日都三小軍二無同麼經法當起與好看學進種將還分此心前面"
        "又定見只主沒公從知使全點長本開號司付款限通票請貨訂單期金額元電話址街路市縣區，。、：「」（）"
    ),
    "gb18030": frozenset(
        "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能"
        "对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面"
        "又定见只主没公从知使全点长本开号司付款限通票请货订单期金额元电话址街路市县区，。、：《》（）"
    ),
}
"""Characters that most texts have many of, and letters of businesses; punctuation."""


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text and the name of the encoding it was in.

    By byte order mark, then what the file declares, then UTF-8, then UTF-16 without a mark, then
    statistics; what still does not fit becomes U+FFFD, so that a stray byte does not cost the rest.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            if mark == codecs.BOM_UTF8:
                return _decode_utf8(data[len(mark) :]), encoding
            return data.decode(encoding, "replace"), encoding
    wide = unmarked_utf16(data)
    if wide is not None:
        return data.decode(wide, "replace"), wide
    seven_bit = _seven_bit(data)
    if seven_bit is not None:
        return data.decode(seven_bit), seven_bit
    candidates = ("utf-8", declared) if _any_bytes_fit(declared) else (declared, "utf-8")
    for candidate in candidates:
        if candidate and (text := decode_declared(data, candidate)) is not None:
            return text, candidate
    encoding = _guess(data)
    if encoding == "utf-8":
        return _decode_utf8(data), encoding
    if encoding == _EBCDIC:
        return data.decode(_EBCDIC).replace("\x85", "\n"), encoding
    return data.decode(encoding, "replace"), encoding


def decoding_doubt(data: bytes, text: str, encoding: str) -> str | None:
    """A doubt, where some bytes are no text in the encoding that the others are in."""
    marks = data.count("\ufffd".encode()) if encoding.startswith("utf-8") else 0
    lost = text.count("\ufffd") - marks
    if lost <= 0 or encoding.startswith(("utf-16", "utf-32")):
        return None
    return f"{lost} characters are no text in the encoding of the others ({encoding})"


def _decode_utf8(data: bytes) -> str:
    """A text in UTF-8, of which some lines may be in another encoding."""
    lines = data.split(b"\n")
    others = [line for line in lines if not _is_utf8(line)]
    if not others:
        return data.decode()
    sample = b"\n".join(others)[:_SAMPLE_BYTES]
    other = None if _almost_utf8(sample) else _guess_other(sample)
    if other is None:
        return data.decode("utf-8", "replace")
    return "\n".join(
        line.decode() if _is_utf8(line) else line.decode(other, "replace") for line in lines
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeError:
        return False
    return True


def _seven_bit(data: bytes) -> str | None:
    """The encoding in which bytes that could be ASCII are Japanese or Chinese."""
    for encoding, marks in _SEVEN_BIT.items():
        if all(mark in data for mark in marks) and data.isascii():
            try:
                wide = [character for character in data.decode(encoding) if character > "\x7f"]
            except UnicodeError:
                continue
            if len(wide) >= _FEW:
                return encoding
    return None


def _any_bytes_fit(encoding: str | None) -> bool:
    """Whether nearly any bytes are text in an encoding: what is UTF-8 besides is UTF-8."""
    try:
        name = codecs.lookup(encoding or "").name
    except LookupError:
        return False
    return name.startswith(("iso8859", "cp125", "koi8", "mac", "ascii")) or name in _DOS_PAGES


def decode_declared(data: bytes, encoding: str) -> str | None:
    """The text in an encoding that somebody states; None where it is unknown or does not fit."""
    try:
        codec = codecs.lookup(encoding)
        # Browsers and mailers take these two as Windows-1252, and so do their senders.
        name = _WESTERN if codec.name in ("iso8859-1", "ascii") else codec.name
        return data.decode(_WIDER.get(name, name))
    except (LookupError, UnicodeError, ValueError):
        return None


def _guess(data: bytes) -> str:
    # Only lines that are not ASCII say anything about the encoding, and they may come late.
    sample = bytearray()
    for line in data.split(b"\n"):
        if not line.isascii():
            sample += line[:_SAMPLE_BYTES] + b"\n"
            if len(sample) >= _SAMPLE_BYTES:
                break
    found = bytes(sample)
    if _almost_utf8(found) or _is_mixed(found):
        return "utf-8"
    return _guess_other(found)


def _is_mixed(sample: bytes) -> bool:
    """Whether some of the lines with letters beyond ASCII are UTF-8, which hardly any bytes of
    another encoding are."""
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    wide = sum(_is_utf8(line) and bool(_WORD_OF_UTF8.search(line.decode())) for line in lines)
    if not wide or wide < _MIXED_SHARE * len(lines):
        return False
    return _japanese(sample) is None and _chinese(sample) is None


def _is_ebcdic(sample: bytes) -> bool:
    """Whether bytes are a text of a mainframe."""
    if 0x40 not in sample and 0x6B not in sample:
        return False
    return len(sample.translate(None, _IN_EBCDIC)) <= (1 - _EBCDIC_SHARE) * len(sample)


def _almost_utf8(sample: bytes) -> bool:
    """Whether all but a few of the non-ASCII characters are UTF-8 (a broken byte, a cut)."""
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return broken * 20 < sum(character > "\x7f" for character in text) - broken


def _guess_other(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    if _is_ebcdic(sample):
        return _EBCDIC
    japanese = _japanese(sample)
    if japanese is not None:
        return japanese
    found = code_page(sample)
    if found is not None:
        return found
    chinese = _chinese(sample)
    if chinese is not None:
        return chinese
    best = from_bytes(sample, cp_isolation=[_WESTERN, *_OTHERS]).best()
    return best.encoding if best is not None else _WESTERN


def _japanese(sample: bytes) -> str | None:
    """The encoding in which the bytes are Japanese: no text in it is without many kana."""
    for encoding in ("cp932", "euc_jp"):
        try:
            wide = [c for c in sample.decode(encoding) if c > "\x7f"]
        except UnicodeError:
            continue
        kana = sum("\u3040" <= c <= "\u30ff" for c in wide)
        if len(wide) >= 4 and kana > 0.2 * len(wide) and not _is_half_wide(wide):
            return encoding
    return None


def _is_half_wide(wide: list[str]) -> bool:
    """Whether many of the characters are narrow kana: what bytes of Chinese become in Japanese."""
    return sum("\uff61" <= c <= "\uff9f" for c in wide) > _NARROW_SHARE * len(wide)


def _chinese(sample: bytes) -> str | None:
    """The encoding in which the bytes are Chinese: made of characters that are common in it."""
    for encoding, common in _COMMON_CHINESE.items():
        try:
            wide = [c for c in sample.decode(encoding) if c > "\x7f"]
        except UnicodeError:
            continue
        if len(wide) >= 4 and sum(c in common for c in wide) >= _COMMON_SHARE * len(wide):
            return encoding
    return None
