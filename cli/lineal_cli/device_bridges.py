"""``lineal device bridges``: the bridges that share the devices of a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table, recently

if TYPE_CHECKING:
    from pathlib import Path

    from lineal.store.connection import Connection
    from lineal_producers.mqtt.lease import ShareHolder

_COLUMNS = ("share", "bridge", "until", "devices", "takeovers")


def bridges(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the shares of the devices, and the bridge that works for each.

    A share without a bridge has none at present: its devices keep what they measure.
    """
    from lineal_catalog.devices.register import registered_devices
    from lineal_cli.reading import reading
    from lineal_producers.mqtt.shares import share_of

    with reading(data) as (connection, _):
        names = [device.device for device in registered_devices(connection, None)]
        found = holders(connection, data)
    counts = [sum(share_of(name, len(found)) == one.share for name in names) for one in found]
    if as_json:
        print_json(
            [
                {
                    "share": one.share.number,
                    "of": one.share.of,
                    "bridge": one.worker,
                    "until_us": one.until,
                    "devices": count,
                    "takeovers": one.term,
                }
                for one, count in zip(found, counts, strict=True)
            ]
        )
        return
    print_table(
        _COLUMNS,
        [
            (
                f"{one.share.number} of {one.share.of}",
                one.worker or "none",
                recently(one.until) if one.until else "",
                str(count),
                str(one.term),
            )
            for one, count in zip(found, counts, strict=True)
        ],
        right=frozenset({"devices", "takeovers"}),
        styles={},
        empty="No bridge has worked here yet: `lineal bridge URL` starts one.",
    )


def holders(connection: Connection, data: Path | None) -> list[ShareHolder]:
    """Who works for each share, in their order; nothing before the first bridge."""
    from lineal_producers.mqtt.lease import share_holders
    from lineal_producers.mqtt.membership import read_members
    from lineal_producers.mqtt.settings import MqttSettings

    client_id = load_settings(data, workers=1).section(MqttSettings).client_id
    members = read_members(connection, client_id)
    return [] if members is None else share_holders(connection, client_id, members.shares)


def holder_of(device: str, found: list[ShareHolder]) -> ShareHolder | None:
    """Who works for a device; None before the first bridge."""
    from lineal_producers.mqtt.shares import share_of

    return found[share_of(device, len(found)).number - 1] if found else None
