"""Devices by attribute, as ``lineal device list --group site`` prints them; and what expires."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from lineal_cli.device_checks import WARN_DAYS
from lineal_cli.printing import plain, print_json, print_table

if TYPE_CHECKING:
    from lineal_catalog.devices.register import Device

_DAY_US = 86_400_000_000


def written(attributes: Mapping[str, str]) -> str:
    """Attributes on one line."""
    return plain(" ".join(f"{name}={value}" for name, value in sorted(attributes.items())))


def print_groups(attribute: str, devices: Sequence[Device], as_json: bool) -> None:
    """Each value of an attribute with its devices; those without one are under none."""
    groups: defaultdict[str | None, list[Device]] = defaultdict(list)
    for device in devices:
        groups[device.attributes.get(attribute)].append(device)
    ordered = sorted(groups.items(), key=lambda item: (item[0] is None, item[0] or ""))
    if as_json:
        print_json(
            [
                {attribute: value, "devices": [device.device for device in members]}
                for value, members in ordered
            ]
        )
        return
    print_table(
        (attribute, "devices", "online"),
        [
            (
                "none" if value is None else plain(value),
                str(len(members)),
                str(sum(device.state == "online" for device in members)),
            )
            for value, members in ordered
        ],
        right=frozenset({"devices", "online"}),
        empty="No device.",
    )


def warn_of_expiry(devices: Sequence[Device]) -> None:
    """Say whose certificate expires soon, or has."""
    now_us = time.time_ns() // 1000
    soon = {
        device.device: (device.birth.certificate_expires_us - now_us) // _DAY_US
        for device in devices
        if device.birth is not None and device.birth.certificate_expires_us is not None
    }
    for device, days in soon.items():
        if days < 0:
            typer.echo(f"the certificate of {device} has expired", err=True)
        elif days <= WARN_DAYS:
            typer.echo(f"the certificate of {device} expires in {days} days", err=True)
