"""``lineal device broker`` and ``provision``: set a broker up, give a device its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.device_certificates import AuthorityOption, OutOption, reload_if_running
from lineal_cli.options import JsonOption
from lineal_cli.printing import print_json

DaysOption = Annotated[int, typer.Option(min=1, help="Days that a certificate is valid.")]


def broker(
    hosts: Annotated[
        list[str], typer.Argument(metavar="HOST...", help="Names and addresses it is reached by.")
    ],
    authority: AuthorityOption = Path("authority"),
    out: OutOption = Path("mosquitto"),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8883,
    days: DaysOption = 825,
    shares: Annotated[
        int, typer.Option(min=1, max=64, help="Bridges that share the devices: mqtt.shares.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Write mosquitto's settings, access list and certificates, and the bridge's.

    With --shares, the bridge of each share has a certificate of its own: bridge-1.crt and so on.
    Run by root, it gives what mosquitto reads and writes to the user mosquitto, if there is one.
    """
    from lineal_producers.mqtt.access import (
        access_list,
        bridge_section,
        bridge_users,
        give_to_broker,
        listener,
    )
    from lineal_producers.mqtt.authority import Authority, write_file

    signer = Authority(authority)
    out.mkdir(parents=True, exist_ok=True)
    folder = out.resolve()
    key, certificate = signer.make_server(hosts, days=days)
    (folder / "data").mkdir(exist_ok=True)
    contents = {
        "ca.crt": (signer.certificate, 0o644),
        "broker.crt": (certificate, 0o644),
        "broker.key": (key, 0o600),
        "revoked.pem": (signer.revocations(), 0o644),
        "access.acl": (access_list(signer.register.without_valid(), shares).encode(), 0o600),
        "mosquitto.conf": (listener(folder, folder / "data", port).encode(), 0o644),
    }
    for user in bridge_users(shares):
        name = user.replace(":", "-")
        bridge_key, bridge_certificate = signer.make_client(user, days=days)
        contents |= {f"{name}.crt": (bridge_certificate, 0o644), f"{name}.key": (bridge_key, 0o600)}
    for file, (content, mode) in contents.items():
        write_file(folder / file, content, mode=mode)
    give_to_broker(folder)
    _print_written({file: folder / file for file in contents}, as_json)
    if not as_json:
        typer.echo("\nFor the bridge, into lineal.toml of `lineal up`:\n")
        typer.echo(bridge_section(hosts[0], port, folder, authority.resolve(), shares))


def provision(
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="Its id.")],
    authority: AuthorityOption = Path("authority"),
    request: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Signing request of `lineal-edge provision`; else a key is made here as well.",
        ),
    ] = None,
    out: OutOption = Path(),
    broker: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of mosquitto's settings, for one once revoked."),
    ] = Path("mosquitto"),
    days: DaysOption = 825,
    as_json: JsonOption = False,
) -> None:
    """Give a device its certificate.

    Best from a request that the device made, so that its key never leaves it. Writes DEVICE.crt
    and ca.crt, which `lineal-edge provision` takes; without a request DEVICE.key too.
    """
    from lineal_producers.mqtt.authority import Authority, check_device, write_file
    from lineal_producers.mqtt.revocation import write_revocations

    check_device(name)
    signer = Authority(authority)
    denied = name in signer.register.without_valid()
    out.mkdir(parents=True, exist_ok=True)
    written = {"certificate": out / f"{name}.crt", "ca": out / "ca.crt"}
    if request is not None:
        certificate = signer.sign_device(name, request.read_bytes(), days=days)
    else:
        key, certificate = signer.make_client(name, days=days)
        written["key"] = out / f"{name}.key"
        write_file(written["key"], key, mode=0o600)
    write_file(written["certificate"], certificate, mode=0o644)
    write_file(written["ca"], signer.certificate, mode=0o644)
    if denied and (broker / "access.acl").is_file():
        # It was revoked before, and is let in again.
        write_revocations(broker, signer)
        reload_if_running(broker, None)
    _print_written(written, as_json)


def _print_written(files: dict[str, Path], as_json: bool) -> None:
    if as_json:
        print_json({name: str(file) for name, file in files.items()})
    else:
        for file in files.values():
            typer.echo(f"wrote {file}")
