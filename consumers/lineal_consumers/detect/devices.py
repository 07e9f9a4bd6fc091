"""The scorers of devices, cached between batches and restored from the journal."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from lineal import Context
from lineal.artifact_in_use import ArtifactInUse
from lineal_consumers.detect.config import DetectConfig
from lineal_consumers.detect.journal import Journal, JournalPosition, Row, keys_at
from lineal_consumers.detect.loading import model_of
from lineal_scoring.model import ScoringModel
from lineal_scoring.scorer import DeviceScorer
from lineal_scoring.slot import ModelSlot

_MAX_CACHED = 8192
_PAST_BOOTS = 4
_kept: OrderedDict[str, Device] = OrderedDict()
"""A cached scorer is used only if the journal shows that no other worker has gone on from it."""


@dataclass
class Device:
    """A device as far as it has been scored."""

    in_use: ArtifactInUse
    slot: ModelSlot
    scorer: DeviceScorer
    boot_id: str
    next_seq: int
    past_boots: tuple[str, ...] = ()
    """Boots before this one, the newest first: what comes late of them is not scored."""
    position: JournalPosition | None = None
    """None: the state has never been written."""
    hz: float = 1.0
    """Readings a second, in the newest batch."""
    needs_snapshot: bool = True
    """The change cannot be restored from readings alone: the next row has to be a snapshot."""

    @classmethod
    def new(cls, in_use: ArtifactInUse, model: ScoringModel, boot_id: str) -> Device:
        slot = ModelSlot(model)
        return cls(in_use, slot, DeviceScorer(slot), boot_id, 1)

    def begin_boot(self, boot_id: str) -> None:
        """A new boot: readings are counted from 1 again, and what lies between is unknown."""
        self.past_boots = (self.boot_id, *self.past_boots)[:_PAST_BOOTS]
        self.boot_id, self.next_seq = boot_id, 1
        self.slot = ModelSlot(self.slot.current)
        self.scorer = DeviceScorer(self.slot)
        self.needs_snapshot = True

    def change_model(self, in_use: ArtifactInUse, model: ScoringModel) -> None:
        """Have another model score from the next reading on."""
        self.in_use = in_use
        self.slot.swap(model)
        self.needs_snapshot = True

    async def write(self, journal: Journal, row: Row) -> None:
        """Write the change of a message: ``row``, or a snapshot if one is due."""
        position = self.position
        if self.needs_snapshot or position is None or journal.due(position):
            fields = {
                "boot": self.boot_id,
                "next_seq": self.next_seq,
                "past": self.past_boots,
                "hz": self.hz,
                "model": [
                    self.in_use.name, self.in_use.counter, self.in_use.version,
                    self.in_use.sha256, self.in_use.bytes, self.in_use.media_type,
                ],
            }  # fmt: skip
            row = Row(row.number, row.event_id, "snapshot", fields, self.scorer.snapshot())
            self.position = await journal.write(row, row.number)
        else:
            self.position = await journal.write(row, position.snapshot)
        self.needs_snapshot = False

    @property
    def next_number(self) -> int:
        return 1 if self.position is None else self.position.number + 1


async def device_of(name: str, journal: Journal, ctx: Context[DetectConfig]) -> Device | None:
    """The state of a device after its last message; None for a new device. It is removed from the
    cache: :func:`keep` it after success.
    """
    device = _kept.pop(name, None)
    if device is not None and device.position is not None and await journal.is_at(device.position):
        return device
    return await _restore(journal, ctx)


def known_keys(name: str, config: DetectConfig) -> list[str]:
    """The keys of state that :func:`device_of` looks at, as far as they are known before."""
    device = _kept.get(name)
    return (
        [] if device is None or device.position is None else keys_at(name, device.position, config)
    )


def keep(name: str, device: Device) -> None:
    """Have a device ready for its next message."""
    _kept[name] = device
    while len(_kept) > _MAX_CACHED:
        _kept.popitem(last=False)


async def _restore(journal: Journal, ctx: Context[DetectConfig]) -> Device | None:
    rows = await journal.rows()
    if not rows:
        return None
    snapshot, *later = rows
    # snapshots once held more, behind these
    in_use = ArtifactInUse(*snapshot.fields["model"][:6])
    slot = ModelSlot(await model_of(in_use, ctx))
    try:
        scorer = DeviceScorer.restored(slot, snapshot.content)
    except ValueError:
        return None
    device = Device(
        in_use=in_use,
        slot=slot,
        scorer=scorer,
        boot_id=snapshot.fields["boot"],
        next_seq=snapshot.fields["next_seq"],
        past_boots=tuple(snapshot.fields["past"]),
        position=await journal.position_after(rows),
        hz=snapshot.fields.get("hz", 1.0),
        needs_snapshot=False,
    )
    columns = len(slot.current.preparation.features)
    for row in later:
        if row.kind == "gap":
            scorer.skip_to(row.fields["next"])
            device.next_seq = row.fields["next"]
        else:
            values = np.frombuffer(row.content, dtype=np.float64).reshape(-1, columns)
            scorer.push(values, row.fields["first"])
            device.next_seq = row.fields["first"] + len(values)
            device.hz = row.fields.get("hz", device.hz)
    return device
