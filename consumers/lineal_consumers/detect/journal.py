"""The journal of a device's scorer: a snapshot now and then, and the batches since.

A snapshot is some ten kilobytes, a batch of readings one: writing the whole state with every batch
would cost more than scoring. Feeding the same readings again yields the same state, so a worker
that takes a device over restores the snapshot and feeds what came after it.

Rows are numbered by the messages that changed the state. Row ``n`` stands in slot ``n mod slots``,
where a message that wrote a snapshot leaves a row without content; a row that is older than the
snapshot means nothing.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from zlib import crc32

import orjson

from lineal import Context
from lineal_consumers.detect.config import DetectConfig


class Row(NamedTuple):
    """One row: a few small fields as JSON, then bytes."""

    number: int
    event_id: str
    """The event that wrote it."""
    kind: Literal["snapshot", "snapshot_written", "readings", "gap"]
    fields: dict[str, Any]
    content: bytes = b""

    def pack(self) -> bytes:
        first_line = [self.number, self.event_id, self.kind, self.fields]
        return orjson.dumps(first_line) + b"\n" + self.content


def unpack(value: bytes) -> Row:
    """Read what :meth:`Row.pack` wrote."""
    first_line, _, content = value.partition(b"\n")
    number, event_id, kind, fields = orjson.loads(first_line)
    return Row(number, event_id, kind, fields, content)


class JournalPosition(NamedTuple):
    """The last written position of a device's journal."""

    number: int
    snapshot: int
    """Number of the last snapshot."""
    value: bytes
    """The content of its slot: while it is unchanged, no other worker has gone on from it."""


class Journal:
    """The rows of one device."""

    def __init__(self, ctx: Context[DetectConfig], device: str) -> None:
        self._state = ctx.state
        self._slots = ctx.config.snapshot_batches
        self._device = device
        self._prefix = f"device/{device}/"

    async def is_at(self, position: JournalPosition) -> bool:
        """Whether the state is still where the caller left it."""
        if await self._state.get(self._slot(position.number), bytes) != position.value:
            return False
        following = await self._state.get(self._slot(position.number + 1), bytes)
        return following is None or unpack(following).number <= position.number

    def due(self, position: JournalPosition) -> bool:
        """Whether the next row must be a snapshot, since the slots are full, or is to be one: each
        device has a slot of its own for it, so that those that began together do not write theirs
        together."""
        number = position.number + 1
        is_its_turn = number % self._slots == crc32(self._device.encode()) % self._slots
        return is_its_turn or number - position.snapshot >= self._slots

    async def rows(self) -> list[Row]:
        """The last snapshot and the rows after it, in order; empty for a new device."""
        rows = [unpack(value) for _, value in await self._state.items(self._prefix, bytes)]
        snapshot = max((row for row in rows if row.kind == "snapshot"), default=None)
        if snapshot is None:
            return []
        later = {row.number: row for row in rows if row.number > snapshot.number}
        found = [snapshot]
        while (row := later.get(found[-1].number + 1)) is not None:
            found.append(row)
        return found

    async def write(self, row: Row, snapshot: int) -> JournalPosition:
        """Write the next row; ``snapshot`` is the number of the last snapshot.

        Returns the new position.
        """
        if row.kind == "snapshot":
            await self._state.put(f"{self._prefix}snapshot", row.pack())
            row, snapshot = Row(row.number, row.event_id, "snapshot_written", {}), row.number
        value = row.pack()
        await self._state.put(self._slot(row.number), value)
        return JournalPosition(row.number, snapshot, value)

    async def position_after(self, rows: list[Row]) -> JournalPosition:
        """The position after these rows."""
        number = rows[-1].number
        value = await self._state.get(self._slot(number), bytes)
        return JournalPosition(number, rows[0].number, value or b"")

    def _slot(self, number: int) -> str:
        return _slot_key(self._device, number, self._slots)


def keys_at(device: str, position: JournalPosition, config: DetectConfig) -> list[str]:
    """The keys of state that say whether a journal is still at a position."""
    slots = config.snapshot_batches
    return [_slot_key(device, position.number + ahead, slots) for ahead in (0, 1)]


def _slot_key(device: str, number: int, slots: int) -> str:
    return f"device/{device}/{number % slots:02}"
