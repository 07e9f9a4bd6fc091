"""What an item of Outlook says beside its text: when and where an appointment is, and a person's
numbers and addresses (MS-OXOCAL, MS-OXOCNTC, MS-OXMSG 2.2.3)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

_CALENDAR = bytes.fromhex("0220060000000000c000000000000046")
_CONTACTS = bytes.fromhex("0420060000000000c000000000000046")
_TIMES = (("Start", 0x0060), ("End", 0x0061))
_PERSON = (
    ("Name", "3001"), ("Company", "3A16"), ("Department", "3A18"), ("Title", "3A17"),
    ("Phone", "3A08"), ("Phone", "3A1B"), ("Mobile", "3A1C"), ("Home", "3A09"), ("Fax", "3A24"),
    ("Address", "3A15"),
)  # fmt: skip
_NAMED = {
    (_CALENDAR, 0x8208): "Location",
    (_CONTACTS, 0x8083): "E-mail", (_CONTACTS, 0x8093): "E-mail", (_CONTACTS, 0x80A3): "E-mail",
    (_CONTACTS, 0x801A): "Home address", (_CONTACTS, 0x801B): "Work address",
    (_CONTACTS, 0x801C): "Other address",
}  # fmt: skip
_GUIDS, _ENTRIES = "00020102", "00030102"
_FIRST_GUID = 3
"""Numbers below it are of sets without a GUID of their own."""
_FIRST_TAG = 0x8000


def item_lines(
    kind: str,
    text: Callable[[str], str],
    times: Mapping[int, datetime],
    names: Callable[[str], bytes],
) -> Iterator[str]:
    """Lines about an item that is no mail.

    Args:
        kind: its message class: ``IPM.Appointment``.
        text: the text of a property by its tag in hexadecimal digits; empty where it has none.
        times: properties that are times, by their tags.
        names: the streams of the storage that maps names to tags.
    """
    kind = kind.upper()
    meeting = kind.startswith(("IPM.APPOINTMENT", "IPM.SCHEDULE.MEETING"))
    person = kind.startswith("IPM.CONTACT")
    if meeting:
        for label, tag in _TIMES:
            if tag in times:
                yield f"{label}: {times[tag]:%Y-%m-%d %H:%M} UTC"
    if person:
        yield from _labelled((label, text(tag)) for label, tag in _PERSON)
    if meeting or person:
        yield from _labelled((label, text(tag)) for label, tag in _named_tags(names))


def _labelled(found: Iterator[tuple[str, str]]) -> Iterator[str]:
    yield from dict.fromkeys(
        f"{label}: {' '.join(value.split())}" for label, value in found if value.strip()
    )


def _named_tags(names: Callable[[str], bytes]) -> Iterator[tuple[str, str]]:
    guids, entries = names(_GUIDS), names(_ENTRIES)
    for at in range(0, len(entries) - 7, 8):
        number, of, index = struct.unpack_from("<IHH", entries, at)
        first = ((of >> 1) - _FIRST_GUID) * 16
        if of & 1 or first < 0:
            continue
        label = _NAMED.get((guids[first : first + 16], number))
        if label is not None:
            yield label, f"{_FIRST_TAG + index:04X}"
