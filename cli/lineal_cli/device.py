"""``lineal device``: lists and shows devices; those who give them certificates stand beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.device_bridges import bridges, holder_of, holders
from lineal_cli.device_certificates import certificates, revoke
from lineal_cli.device_groups import print_groups, warn_of_expiry, written
from lineal_cli.device_provisioning import broker, provision
from lineal_cli.device_removal import remove
from lineal_cli.options import CommandFailed, DataOption, JsonOption, pairs
from lineal_cli.printing import print_json, print_table, recently, when
from lineal_cli.rollout_targets import WhereOption

if TYPE_CHECKING:
    from lineal_catalog.devices.register import Device
    from lineal_producers.mqtt.lease import ShareHolder
    from lineal_producers.mqtt.watermarks import DeviceWatermark

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List and show devices, and give new ones their certificates.",
)

_COLUMNS = ("device", "state", "agent", "attributes", "models", "config", "last_seen", "last_seq",
            "lost")  # fmt: skip
_STYLES = {"online": "green", "stopped": "dim", "lost": "bold red", "unknown": "yellow",
           "cloned": "bold red"}  # fmt: skip
_DIGITS = 12


app.command()(broker)
app.command()(provision)
app.command()(certificates)
app.command()(bridges)
app.command()(revoke)
app.command()(remove)


@app.command("list")
def list_devices(
    where: WhereOption = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="ATTRIBUTE", help="Count devices by this attribute."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the devices that have been connected."""
    from lineal_catalog.devices.targets import matches

    wanted = pairs(where, "--where")
    found = [item for item in _found(data) if matches(item[0].attributes, wanted)]
    if group is not None:
        print_groups(group, [device for device, *_ in found], as_json)
        return
    if as_json:
        print_json([_fields(*one) for one in found])
        return
    empty = "No device yet: `lineal bridge` brings what they publish onto the bus."
    print_table(
        _COLUMNS,
        [_cells(device, watermark) for device, watermark, _ in found],
        right=frozenset({"last_seq", "lost"}),
        styles=_STYLES,
        empty="No device has these attributes." if wanted else empty,
    )
    warn_of_expiry([device for device, *_ in found])


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="DEVICE")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is known of one device."""
    found = _found(data, name)
    if not found:
        raise CommandFailed(f"no device {name!r} is known: `lineal device list` lists them")
    fields = _fields(*found[0])
    if as_json:
        print_json(fields)
        return
    for title, value in _lines(*found[0]):
        typer.echo(f"{title:<12}{value}")


def _found(
    data: Path | None, name: str | None = None
) -> list[tuple[Device, DeviceWatermark | None, ShareHolder | None]]:
    from lineal_catalog.devices.register import registered_devices
    from lineal_cli.reading import reading
    from lineal_producers.mqtt.watermarks import device_watermarks

    with reading(data) as (connection, _):
        devices = registered_devices(connection, name)
        known = device_watermarks(connection, [device.device for device in devices])
        bridging = holders(connection, data)
    return [
        (device, known.get(device.device), holder_of(device.device, bridging)) for device in devices
    ]


def _last_seen(device: Device, watermark: DeviceWatermark | None) -> int:
    return max(device.last_seen, 0 if watermark is None else watermark.at)


def _last_seq(device: Device, watermark: DeviceWatermark | None) -> int | None:
    boots = () if watermark is None else watermark.boots
    if device.birth is not None:
        boots = tuple(boot for boot in boots if boot.boot_id == device.birth.boot_id)
    return boots[-1].upto_seq if boots else None


def _fields(
    device: Device, watermark: DeviceWatermark | None, holder: ShareHolder | None
) -> dict[str, Any]:
    birth, health = device.birth, device.health
    return {
        "device": device.device,
        "state": device.state,
        "boot_id": None if birth is None else birth.boot_id,
        "session": None if birth is None else birth.session,
        "agent_version": None if birth is None else birth.agent_version,
        "agent_digest": None if birth is None else birth.agent_digest,
        "config_digest": None if birth is None else birth.config_digest,
        "models": [model.model_dump() for model in device.models],
        "certificate_expires_us": None if birth is None else birth.certificate_expires_us,
        "root_version": None if birth is None else birth.root_version,
        "attributes": device.attributes,
        "features": [] if birth is None else list(birth.features),
        "connected_us": device.born or None,
        "last_seen_us": _last_seen(device, watermark),
        "last_seq": _last_seq(device, watermark),
        "boots": [] if watermark is None else [boot._asdict() for boot in watermark.boots],
        "share": None if holder is None else holder.share.number,
        "bridge": None if holder is None else holder.worker,
        "cloned": device.cloned,
        "gaps": device.gaps,
        "lost_readings": device.lost,
        "lost_by_reason": device.lost_by_reason,
        "health": None if health is None else health.model_dump(exclude={"models", "device"}),
    }


def _cells(device: Device, watermark: DeviceWatermark | None) -> tuple[str, ...]:
    birth = device.birth
    last_seq = _last_seq(device, watermark)
    return (
        device.device,
        "cloned" if device.cloned else device.state,
        "" if birth is None else birth.agent_version,
        "" if birth is None else written(birth.attributes),
        " ".join(f"{model.name}:{model.version}" for model in device.models),
        "" if birth is None else birth.config_digest[:_DIGITS],
        recently(_last_seen(device, watermark)),
        "" if last_seq is None else str(last_seq),
        str(device.lost) if device.lost else "",
    )


def _lines(
    device: Device, watermark: DeviceWatermark | None, holder: ShareHolder | None
) -> list[tuple[str, str]]:
    lines = [("device", device.device), ("state", device.state)]
    if (birth := device.birth) is not None:
        lines += [
            ("agent", f"{birth.agent_version} {birth.agent_digest[:_DIGITS]}"),
            ("attributes", written(birth.attributes)),
            ("config", birth.config_digest[:_DIGITS]),
            ("features", " ".join(birth.features)),
            ("boot", f"{birth.boot_id}, connection {birth.session}"),
            ("connected", when(device.born)),
        ]
        if birth.certificate_expires_us is not None:
            lines.append(("certificate", f"until {when(birth.certificate_expires_us)}"))
        if birth.root_version is not None:
            lines.append(("root", str(birth.root_version)))
    lines += [("model", f"{m.name}:{m.version} {m.sha256[:_DIGITS]}") for m in device.models]
    lines.append(("last seen", when(_last_seen(device, watermark))))
    for boot in () if watermark is None else watermark.boots:
        told = f"{boot.boot_id} readings to {boot.upto_seq}, events to {boot.upto_event}"
        lines.append(("on the bus", told))
    if holder is not None:
        share = f"share {holder.share.number} of {holder.share.of}"
        lines.append(("bridge", f"{holder.worker or 'none'}, {share}"))
    if device.cloned:
        lines.append(
            ("cloned", f"two agents say to be it (seen {device.cloned} times): its key was copied. "
             "Revoke its certificates, and give it a new key")
        )  # fmt: skip
    if device.gaps:
        reasons = ", ".join(f"{n} {reason}" for reason, n in device.lost_by_reason.items())
        lines.append(("gaps", f"{device.gaps}, of {device.lost} readings: {reasons}"))
    if (health := device.health) is not None:
        lines.append(
            ("counters", f"{health.sampled} readings, {health.waiting_rows} waiting in "
             f"{health.outbox_bytes} bytes, {health.bad_lines} bad lines")
        )  # fmt: skip
    return lines
