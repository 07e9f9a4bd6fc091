"""Digests and ids as records write them: base64 (RFC 4648, without padding).

A UUID at the end of an id is written so too. Other texts begin with a colon. Many are shortened,
or taken apart, together: one by one it takes three to five times as long.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Mapping, Sequence

from lineal.lineage.record import StepEntry

_UUID, _SHORT_UUID = 36, 22
_HEX, _SHORT_HEX = 64, 43
_PLACES_OF_DIGITS = [place for place in range(_UUID) if place not in (8, 13, 18, 23)]


def encode_digests(steps: Iterable[StepEntry]) -> Mapping[str, str]:
    """Those of all artifacts of steps, shortened together: one by one it takes three times as
    long."""
    texts = {item.sha256 for step in steps for item in (*step.inputs, *step.outputs)}
    long = [text for text in texts if len(text) == _HEX]
    # A zero byte makes each a multiple of three bytes, which base64 takes apart from the others.
    digits = "00".join([*long, ""])
    raw = _from_hex(digits)
    if raw is None or len(long) < len(texts):
        return {text: encode_digest(text) for text in texts}
    shortened = b2a_base64(raw, newline=False).decode()
    return {
        text: shortened[begin : begin + _SHORT_HEX]
        for text, begin in zip(long, range(0, len(shortened), 44), strict=True)
    }


def encode_ids(steps: Iterable[StepEntry]) -> Mapping[str, str]:
    """Those of all events and subjects of steps, shortened together."""
    texts = {text for step in steps for text in (step.subject, *step.events_in, *step.events_out)}
    uuids = [text for text in texts if len(text) == _UUID and text[8:24:5] == "----"]
    digits = "0000".join([*uuids, ""]).replace("-", "")
    raw = _from_hex(digits)
    if raw is None or len(digits) != 36 * len(uuids):
        return {text: encode_id(text) for text in texts}
    shortened = b2a_base64(raw, newline=False).decode()
    short = {
        text: shortened[begin : begin + _SHORT_UUID]
        for text, begin in zip(uuids, range(0, len(shortened), 24), strict=True)
    }
    if len(uuids) < len(texts):
        short.update({text: encode_id(text) for text in texts if text not in short})
    return short


def _from_hex(digits: str) -> bytes | None:
    """The bytes of lower-case hexadecimal digits, and of nothing else."""
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    return raw if raw.hex() == digits else None


def encode_digest(text: str) -> str:
    """A SHA-256 in hexadecimal, 64 characters, in 43; any other text with a colon before it."""
    raw = _from_hex(text) if len(text) == _HEX else None
    if raw is None:
        return f":{text}"
    return b2a_base64(raw, newline=False)[:_SHORT_HEX].decode()


def decode_digest(short: str) -> str:
    """What :func:`encode_digest` has made of a text, back."""
    if short[:1] == ":":
        return short[1:]
    return a2b_base64(f"{short}=").hex()


def encode_id(text: str) -> str:
    """An id with its UUID at the end in 22 characters; one without, with a colon before it."""
    end = text[-_UUID:]
    digits = end.replace("-", "")
    if len(digits) == 32 and end[8:24:5] == "----" and text[0] != ":":
        raw = _from_hex(digits)
        if raw is not None:
            return text[:-_UUID] + b2a_base64(raw, newline=False)[:_SHORT_UUID].decode()
    return f":{text}"


def decode_id(short: str) -> str:
    """What :func:`encode_id` has made of an id, back."""
    if short[:1] == ":":
        return short[1:]
    digits = a2b_base64(f"{short[-_SHORT_UUID:]}==").hex()
    return (
        f"{short[:-_SHORT_UUID]}{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-"
        f"{digits[20:]}"
    )


class DecodedDigests(dict[str, str]):
    """Digests by their short form, taken apart together: one by one takes five times as long."""

    def __init__(self, shorts: Iterable[str]) -> None:
        wanted = [short for short in shorts if len(short) == _SHORT_HEX and short[0] != ":"]
        digits = _to_hex(wanted, "A")
        if digits is not None:
            each = range(0, len(digits), _HEX + 2)
            super().__init__(zip(wanted, [digits[at : at + _HEX] for at in each], strict=True))

    def __missing__(self, short: str) -> str:
        return decode_digest(short)


class DecodedIds(dict[str, str]):
    """The same of ids and subjects that end with a UUID."""

    def __init__(self, shorts: Iterable[str]) -> None:
        wanted = [short for short in shorts if len(short) >= _SHORT_UUID and short[0] != ":"]
        digits = _to_hex([short[-_SHORT_UUID:] for short in wanted], "AA")
        if digits is not None:
            written = _with_hyphens(digits, len(wanted))
            each = zip(wanted, range(0, len(written), _UUID), strict=True)
            super().__init__(
                [(short, short[:-_SHORT_UUID] + written[at : at + _UUID]) for short, at in each]
            )

    def __missing__(self, short: str) -> str:
        return decode_id(short)


def _to_hex(shorts: Sequence[str], filler: str) -> str | None:
    """Base64 texts of one length as hexadecimal digits, each followed by those of its filler; None
    if one has other characters."""
    if not shorts:
        return None
    try:
        raw = a2b_base64(filler.join([*shorts, ""]))
    except ValueError:
        return None
    # What is no base64 is skipped, and makes it shorter.
    return raw.hex() if 4 * len(raw) == 3 * len(shorts) * (len(shorts[0]) + len(filler)) else None


def _with_hyphens(digits: str, count: int) -> str:
    """UUIDs as they are written, from 32 hexadecimal digits each, which four zeros follow."""
    written = bytearray(b"-") * (_UUID * count)
    data = digits.encode()
    for place, target in enumerate(_PLACES_OF_DIGITS):
        written[target::_UUID] = data[place::_UUID]
    return written.decode()
