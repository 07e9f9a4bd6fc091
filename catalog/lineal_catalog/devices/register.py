"""``Device``: what is known of a device, kept as state by the devices stage."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lineal.store.connection import Connection
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import DeviceBirth, DeviceDeath, DeviceHealth, TelemetryGap

STAGE = "devices"

Reason = Literal["stopped", "lost"]


class Ending(BaseModel):
    """The last death event, whether or not its birth was received."""

    model_config = ConfigDict(frozen=True)

    boot_id: str
    session: int
    reason: Reason
    time: int


class Device(BaseModel):
    """One device. Times are microseconds since the Unix epoch by the server's clock."""

    model_config = ConfigDict(frozen=True)

    device: str
    birth: DeviceBirth | None = None
    born: int = 0
    """When the birth came."""
    ending: Ending | None = None
    health: DeviceHealth | None = None
    last_seen: int = 0
    """The time of its last event that is not a reading."""
    gaps: int = 0
    lost: int = 0
    """Readings missing in these gaps."""
    lost_by_reason: dict[str, int] = {}

    @property
    def state(self) -> Literal["online", "stopped", "lost", "unknown"]:
        """Whether it is connected, and if not, why."""
        birth, ending = self.birth, self.ending
        if birth is None:
            return "unknown" if ending is None else ending.reason
        # types of events are handled in any order: a death may come before its own birth
        if ending is not None and ending.boot_id == birth.boot_id:
            return ending.reason if ending.session >= birth.session else "online"
        return "online"

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """The models that score on it, by its last birth or health event."""
        birth, health = self.birth, self.health
        if health is not None and (birth is None or self._is_newer(health, birth)):
            return health.models
        return () if birth is None else birth.models

    def _is_newer(self, health: DeviceHealth, birth: DeviceBirth) -> bool:
        return health.boot_id == birth.boot_id and health.monotonic_us > birth.monotonic_us

    def after(
        self, event: DeviceBirth | DeviceDeath | DeviceHealth | TelemetryGap, time: int
    ) -> Device:
        """The device after an event of it, received at a time."""
        changes: dict[str, object] = {"last_seen": max(self.last_seen, time)}
        if isinstance(event, DeviceBirth):
            same_boot = self.birth is not None and self.birth.boot_id == event.boot_id
            if not (same_boot and self.birth is not None and event.session < self.birth.session):
                changes |= {"birth": event, "born": time}
        elif isinstance(event, DeviceDeath):
            if self.ending is None or time >= self.ending.time:
                changes["ending"] = Ending(
                    boot_id=event.boot_id, session=event.session, reason=event.reason, time=time
                )
        elif isinstance(event, DeviceHealth):
            changes["health"] = event
        else:
            by_reason = dict(self.lost_by_reason)
            by_reason[event.reason] = by_reason.get(event.reason, 0) + event.count
            changes |= {
                "gaps": self.gaps + 1,
                "lost": self.lost + event.count,
                "lost_by_reason": by_reason,
            }
        return self.model_copy(update=changes)


def registered_devices(connection: Connection, name: str | None = None) -> list[Device]:
    """The devices that are known, or the one of a name, in the order of their names."""
    sql = "SELECT after FROM state WHERE stage = ? AND after IS NOT NULL"
    parameters: tuple[str, ...] = (STAGE,)
    if name is not None:
        sql, parameters = f"{sql} AND name = ?", (STAGE, name)
    rows = connection.execute(f"{sql} ORDER BY name", parameters).fetchall()
    return [Device.model_validate_json(bytes(row[0])) for row in rows]
