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


def revoke(
    name: Annotated[
        str, typer.Argument(metavar="DEVICE|SERIAL", help="A device, or one of its certificates.")
    ],
    authority: AuthorityOption = Path("authority"),
    out: OutOption = Path("mosquitto"),
    as_json: JsonOption = False,
) -> None:
    """Revoke the certificates of a device; its broker lets it in no longer.

    Writes revoked.pem, which mosquitto reads when it starts: restart it, so that what is connected
    ends too.
    """
    from lineal_producers.mqtt.authority import Authority, write_file

    if not (authority / "ca.key").is_file():
        raise CommandFailed(f"{authority} holds no certificate authority: name it by --authority")
    signer = Authority(authority)
    revoked = signer.register.revoke(name, datetime.datetime.now(datetime.UTC))
    out.mkdir(parents=True, exist_ok=True)
    file = out / "revoked.pem"
    write_file(file, signer.revocations(), mode=0o644)
    if as_json:
        print_json({"revoked": [item.serial_hex for item in revoked], "file": str(file)})
    else:
        typer.echo(f"revoked {len(revoked)} of {name}; wrote {file}. Restart the broker.")
