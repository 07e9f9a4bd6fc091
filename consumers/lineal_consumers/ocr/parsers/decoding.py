"""From bytes in some encoding to text."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 64 * 1024
_WESTERN = "cp1252"
_OTHERS = (
    "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
"""Encodings that text files are found in today; more candidates only make short texts ambiguous."""


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text and the name of the encoding it was in.

    By byte order mark, then what the file declares, then UTF-8, then statistics; what still does
    not fit becomes U+FFFD, so that a stray byte does not cost the rest.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    for candidate in (declared, "utf-8"):
        if candidate and (text := _strictly(data, candidate)) is not None:
            return text, candidate
    encoding = _guess(data)
    return data.decode(encoding, "replace"), encoding


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        codec = codecs.lookup(encoding)
        # Browsers and mailers take these two as Windows-1252, and so do their senders.
        name = _WESTERN if codec.name in ("iso8859-1", "ascii") else codec.name
        return data.decode(name)
    except (LookupError, UnicodeError, ValueError):
        return None


def _guess(data: bytes) -> str:
    # Only lines that are not ASCII say anything about the encoding, and they may come late.
    sample = bytearray()
    for line in data.split(b"\n"):
        if not line.isascii():
            sample += line + b"\n"
            if len(sample) >= _SAMPLE_BYTES:
                break
    return "utf-8" if _almost_utf8(bytes(sample)) else _by_statistics(bytes(sample))


def _almost_utf8(sample: bytes) -> bool:
    """Whether all but a few of the non-ASCII characters are UTF-8 (a broken byte, a cut)."""
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return broken * 20 < sum(character > "\x7f" for character in text) - broken


def _by_statistics(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=[_WESTERN, *_OTHERS]))
    if not matches:
        return _WESTERN
    best = matches[0]
    for match in matches:
        # Short texts leave several encodings level, and the order among them is alphabetical.
        level = (match.chaos, match.coherence) == (best.chaos, best.coherence)
        if level and _WESTERN in match.could_be_from_charset:
            return _WESTERN
    return best.encoding
