"""``lineal device remove``: takes a device out of the register."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json
from lineal_cli.reading import existing_data


def remove(
    name: Annotated[str, typer.Argument(metavar="DEVICE")],
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a device out of the register: it gets no rollouts, until it connects again.

    Revoke its certificate first (`lineal device revoke`), so that it does not. What it measured and
    what was made of it stays.
    """
    event = asyncio.run(_remove(existing_data(data), name, reason))
    if as_json:
        print_json({"device": name, "event": event})
    else:
        typer.echo(f"asked to remove {name}: it is done where `lineal up` runs")


async def _remove(folder: Path, name: str, reason: str | None) -> str:
    from lineal.access.senders import acting_credential
    from lineal.acts import publish_acts
    from lineal.runtime import open_runtime
    from lineal_catalog.devices.register import registered_devices
    from lineal_schemas.envelope import first_event, now_us
    from lineal_schemas.telemetry import DeviceRemoved

    async with open_runtime(load_settings(folder)) as runtime:
        by = await runtime.store.read(acting_credential)
        by.require("deploy")
        if not await runtime.store.read(lambda c: registered_devices(c, name)):
            raise CommandFailed(f"no device {name!r} is known: `lineal device list` lists them")
        removal = DeviceRemoved(device=name, by=by.actor, reason=reason, removed_us=now_us())
        event = first_event(
            removal, id=removal.event_id, source="lineal:cli/device", actor=by.actor
        )
        await publish_acts(runtime, [event])
    return event.id
