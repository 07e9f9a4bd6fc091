"""``Device``: what is known of a device, kept as state by the devices stage."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lineal.store.connection import Connection
from lineal_catalog.devices.targets import profile_of
from lineal_schemas.models import ModelRef
from lineal_schemas.telemetry import DeviceBirth, DeviceDeath, DeviceHealth, TelemetryGap

STAGE = "devices"

_FORMER_BOOTS = 16

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
    former_boots: tuple[str, ...] = ()
    """Those before the present one, the newest last."""
    former_sessions: dict[str, int] = {}
    """The last session of each of them: a birth that is no later was kept by a broker."""
    cloned: int = 0
    """How often a former boot came back: the device's key was copied."""

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

    @property
    def attributes(self) -> dict[str, str]:
        """What its settings say of it, and ``firmware``, by its last birth."""
        return {} if self.birth is None else profile_of(self.birth).attributes

    def _is_newer(self, health: DeviceHealth, birth: DeviceBirth) -> bool:
        return health.boot_id == birth.boot_id and health.monotonic_us > birth.monotonic_us

    def _is_past(self, event: DeviceBirth | DeviceDeath) -> bool:
        """Whether it is of a session that the device has left, by its own count: a broker that was
        killed brings back what it had retained, and when it comes says nothing."""
        if event.boot_id in self.former_sessions:
            return event.session <= self.former_sessions[event.boot_id]
        if isinstance(event, DeviceBirth):
            latest = self.birth
            return (
                latest is not None
                and latest.boot_id == event.boot_id
                and event.session < latest.session
            )
        return (
            self.ending is not None
            and self.ending.boot_id == event.boot_id
            and event.session < self.ending.session
        )

    def _boots_after(self, birth: DeviceBirth) -> dict[str, object]:
        if self.birth is None or self.birth.boot_id == birth.boot_id:
            return {}
        others = [boot for boot in self.former_boots if boot != birth.boot_id]
        former = (*others, self.birth.boot_id)[-_FORMER_BOOTS:]
        sessions = {**self.former_sessions, self.birth.boot_id: self.birth.session}
        return {
            "former_boots": former,
            "former_sessions": {boot: sessions[boot] for boot in former if boot in sessions},
            "cloned": self.cloned + (birth.boot_id in self.former_boots),
        }

    def after(
        self, event: DeviceBirth | DeviceDeath | DeviceHealth | TelemetryGap, time: int
    ) -> Device:
        """The device after an event of it, received at a time."""
        changes: dict[str, object] = {"last_seen": max(self.last_seen, time)}
        if isinstance(event, DeviceBirth):
            if not self._is_past(event):
                changes |= {"birth": event, "born": time}
                changes |= self._boots_after(event)
        elif isinstance(event, DeviceDeath):
            if not self._is_past(event) and (self.ending is None or time >= self.ending.time):
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
