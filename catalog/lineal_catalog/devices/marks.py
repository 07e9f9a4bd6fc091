"""Times of a device of which people say that it was normal, or which fault it had."""

from __future__ import annotations

from uuid import uuid4

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal_catalog.devices.register import registered_devices
from lineal_schemas.anomalies import FaultRecognised, MachineMarked
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id


class UnknownMark(LinealError, LookupError):
    """Nothing of this id is marked."""


class UnknownDevice(LinealError, LookupError):
    """No device of this name has been connected."""


async def mark_machine(
    runtime: Runtime,
    by: Credential,
    source: str,
    *,
    device: str,
    from_us: int,
    to_us: int,
    fault: str | None,
) -> MachineMarked:
    """Say what a device was for a time; on record as an act of whoever says it.

    Args:
        source: the ingress: ``lineal:cli/machine``, ``lineal:console/fleet``.
        from_us: by the device's clock, microseconds since the Unix epoch.
        to_us: exclusive.
        fault: which it had; None: it was normal.

    Raises:
        NotPermitted: they may not.
        UnknownDevice: the name is none of a device's.
        ValidationError: the time is none, or the fault has no name.
    """
    by.require("review")
    if not await runtime.store.read(lambda c: registered_devices(c, device)):
        raise UnknownDevice(f"no device {device!r} has been connected: see `lineal device list`")
    made = MachineMarked(
        device=device,
        mark=str(uuid4()),
        fault=fault,
        from_us=from_us,
        to_us=to_us,
        by=by.actor,
        marked_us=now_us(),
    )
    await _publish(runtime, made, source)
    return made


async def withdraw_mark(
    runtime: Runtime, by: Credential, source: str, *, mark: str
) -> MachineMarked:
    """Take back what was said of a time.

    Args:
        mark: its id, or an unambiguous beginning of it.

    Raises:
        NotPermitted: they may not.
        UnknownMark: there is none of this id, or there are several that begin so.
    """
    by.require("review")
    found = [one for one in await list_marks(runtime) if one.mark.startswith(mark)]
    if len(found) != 1:
        several = (
            f"{len(found)} marks begin with {mark!r}" if found else f"there is no mark {mark!r}"
        )
        raise UnknownMark(f"{several}: see `lineal machine marks`")
    made = found[0].model_copy(update={"withdrawn": True, "by": by.actor, "marked_us": now_us()})
    await _publish(runtime, made, source)
    return made


async def list_marks(runtime: Runtime, device: str | None = None) -> list[MachineMarked]:
    """What holds, by the time it is about."""
    found: dict[str, MachineMarked] = {}
    async for event in events_on_topic(runtime, MachineMarked, device):
        found[event.data.mark] = event.data
    return sorted(
        (mark for mark in found.values() if not mark.withdrawn), key=lambda mark: mark.from_us
    )


async def recognised_faults(runtime: Runtime, device: str) -> dict[str, FaultRecognised]:
    """What anomalies of a device look like, by the id of the anomaly."""
    return {
        event.data.anomaly_id: event.data
        async for event in events_on_topic(runtime, FaultRecognised, device)
    }


async def _publish(runtime: Runtime, mark: MachineMarked, source: str) -> None:
    identifier = arrival_id(source, "", f"{mark.mark} {mark.withdrawn} {mark.marked_us}")
    await publish_act(runtime, mark, id=identifier, source=source, actor=mark.by)
