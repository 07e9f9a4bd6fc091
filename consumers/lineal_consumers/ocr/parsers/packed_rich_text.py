"""RTF in the compressed form in which Outlook keeps the body of a message (MS-OXRTFCP)."""

from __future__ import annotations

import struct

from lineal_consumers.ocr.parsers.parsed import check_amount

_RTF_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the compression of RTF begins with (MS-OXRTFCP 2.1.2.1)."""


def text_of_packed(packed: bytes) -> str:
    """The text that packed RTF shows."""
    from lineal_consumers.ocr.parsers.rich_text import rich_text_page

    return rich_text_page(unpacked_rich_text(packed)).text


def unpacked_rich_text(packed: bytes) -> bytes:
    """RTF out of the form in which messages hold it (MS-OXRTFCP 2.2)."""
    if len(packed) < 16:
        return b""
    _, raw_size, kind = struct.unpack_from("<III", packed)
    if kind != 0x75465A4C:  # "LZFu"
        return packed[16 : 16 + raw_size]
    check_amount(raw_size)
    window = bytearray(4096)
    window[: len(_RTF_DICTIONARY)] = _RTF_DICTIONARY
    write = len(_RTF_DICTIONARY)
    out = bytearray()
    at = 16
    while at < len(packed) and len(out) < raw_size:
        control = packed[at]
        at += 1
        for bit in range(8):
            if at >= len(packed):
                break
            if not control >> bit & 1:
                copied = packed[at : at + 1]
                at += 1
            else:
                reference = int.from_bytes(packed[at : at + 2], "big")
                at += 2
                offset, length = reference >> 4, (reference & 15) + 2
                if offset == write % 4096:
                    return bytes(out[:raw_size])
                for step in range(length):
                    byte = window[(offset + step) % 4096]
                    window[write % 4096] = byte
                    write += 1
                    out.append(byte)
                continue
            window[write % 4096] = copied[0]
            write += 1
            out += copied
    return bytes(out[:raw_size])
