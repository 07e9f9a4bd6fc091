"""``lineal doctor``: checks the machine and the configured servers."""

from __future__ import annotations

from typing import Annotated

import typer

from lineal_cli.options import (
    FAILED,
    CommandFailed,
    DataOption,
    InboxOption,
    JsonOption,
    inbox_settings,
    load_settings,
)
from lineal_cli.printing import print_json, print_table

_STYLES = {"fine": "green", "warning": "yellow", "broken": "bold red"}


def doctor(
    inbox: InboxOption = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="HTTP port.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that this machine can do it all.

    Looks at Python, the libraries, the stages, the settings, the data folder, the inbox and the
    port; fails if anything is broken.
    """
    from lineal_cli.check import Check
    from lineal_cli.checks import check_machine, check_settings

    checks = check_machine()
    try:
        settings = load_settings(data, **inbox_settings(inbox), port=port)
    except CommandFailed as error:
        checks.append(Check("settings", "broken", str(error), "correct it, then run this again"))
    else:
        checks += check_settings(settings)
    if as_json:
        print_json([check._asdict() for check in checks])
    else:
        print_table(
            ("check", "state", "found", "what_to_do"), [tuple(check) for check in checks],
            styles=_STYLES,
        )  # fmt: skip
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(FAILED)
