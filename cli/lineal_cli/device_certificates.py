"""``lineal device certificates`` and ``revoke``: which devices the broker lets in."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from lineal_cli.options import CommandFailed, JsonOption
from lineal_cli.printing import print_json, print_table

AuthorityOption = Annotated[
    Path,
    typer.Option(
        "--authority",
        metavar="DIR",
        help="Folder of the certificate authority; made if missing. Keep its key to yourself.",
    ),
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to, made if missing.")
]


def certificates(
    authority: AuthorityOption = Path("authority"), as_json: JsonOption = False
) -> None:
    """List the certificates that were given, and when they expire."""
    from lineal_producers.mqtt.certificate_register import WARN_DAYS, CertificateRegister

    now = datetime.datetime.now(datetime.UTC)
    issued = CertificateRegister(authority).issued()
    if as_json:
        print_json(
            [
                {
                    "name": item.name,
                    "serial": item.serial_hex,
                    "expires": item.expires.isoformat(),
                    "revoked": None if item.revoked is None else item.revoked.isoformat(),
                    "state": item.state(now),
                }
                for item in issued
            ]
        )
        return
    print_table(
        ("name", "serial", "expires", "state"),
        [
            (item.name, item.serial_hex, f"{item.expires:%Y-%m-%d}", item.state(now))
            for item in issued
        ],
        empty="No certificate was given yet: `lineal device provision` gives one.",
    )
    soon = [item.name for item in issued if item.state(now) == "expires soon"]
    if soon:
        typer.echo(
            f"expire within {WARN_DAYS} days: {', '.join(dict.fromkeys(soon))}. Give them new ones "
            "with `lineal device provision`.",
            err=True,
        )


PidFileOption = Annotated[
    Path | None,
    typer.Option(
        "--pid-file",
        metavar="FILE",
        help="Where mosquitto writes its number, to be told; data/mosquitto.pid in its folder.",
    ),
]


def revoke(
    name: Annotated[
        str, typer.Argument(metavar="DEVICE|SERIAL", help="A device, or one of its certificates.")
    ],
    authority: AuthorityOption = Path("authority"),
    out: OutOption = Path("mosquitto"),
    pid_file: PidFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke the certificates of a device; its broker lets it in no longer.

    Writes revoked.pem and access.acl for mosquitto, and has it read them: the device connects no
    more, and while it is connected it may say and hear nothing.
    """
    from lineal_producers.mqtt.authority import Authority
    from lineal_producers.mqtt.revocation import write_revocations

    if not (authority / "ca.key").is_file():
        raise CommandFailed(f"{authority} holds no certificate authority: name it by --authority")
    signer = Authority(authority)
    revoked = signer.register.revoke(name, datetime.datetime.now(datetime.UTC))
    written = write_revocations(out, signer)
    told = reload_if_running(out, pid_file)
    if as_json:
        print_json(
            {
                "revoked": [item.serial_hex for item in revoked],
                "file": str(written[0]),
                "files": [str(file) for file in written],
                "reloaded": told,
            }
        )
        return
    names = " and ".join(map(str, written))
    after = (
        "The broker was told."
        if told
        else (
            "Have the broker read them again (SIGHUP, `systemctl reload mosquitto`), or restart it."
        )
    )
    typer.echo(f"revoked {len(revoked)} of {name}; wrote {names}. {after}")
    for item in revoked:
        if item.name not in signer.register.without_valid():
            typer.echo(
                f"{item.name} has another valid certificate: a connection with the revoked one "
                "stays until the broker is restarted.",
                err=True,
            )
            break


def reload_if_running(folder: Path, pid_file: Path | None) -> bool:
    """Have mosquitto read its lists again; whether it could be told."""
    from lineal_producers.mqtt.revocation import pid_file_of, reload_broker

    return reload_broker(pid_file or pid_file_of(folder))
