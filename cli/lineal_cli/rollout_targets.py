"""Options that say which devices a rollout reaches, in which rings and times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineal_cli.options import CommandFailed, pairs

if TYPE_CHECKING:
    from lineal.settings import Settings
    from lineal_consumers.deploy.rollout_request import Targets
    from lineal_schemas.deployments import Ring, StepTimeouts

RingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ring",
        metavar="NAME=DEVICE,...",
        help="A ring and its devices, * and ? allowed; devices of earlier rings are left out. "
        "In the order of the rings. Without: a tenth of all devices, then all.",
    ),
]
ThresholdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="NAME=SHARE",
        help="How many of a ring's devices may fail, from 0 (none) to 1.",
    ),
]
TimeoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--timeout",
        metavar="STEP=SECONDS",
        help="Time for a step: answer, download, verify, shadow or soak.",
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="ATTRIBUTE=VALUE",
        help="Only devices whose attribute (site, kind, firmware, ...) is so; * and ? allowed.",
    ),
]
SignedElsewhereOption = Annotated[
    bool,
    typer.Option(
        "--signed-elsewhere", help="The deploy stage runs on another machine, which has the key."
    ),
]


def require_key(settings: Settings) -> None:
    """See to it that there is a key to sign packages with, before anything is asked for.

    Raises:
        CommandFailed: the settings name none, or one that is not there.
    """
    from lineal_consumers.deploy.rollout_request import key_problem

    if problem := key_problem(settings):
        raise CommandFailed(
            f"{problem}: nothing was asked for. `lineal deploy key` makes one and prints the "
            "settings for it; where the deploy stage runs on another machine, which has the key, "
            "say --signed-elsewhere"
        )


def rings_named(
    wanted: Mapping[str, str], thresholds: Mapping[str, float], reached: Targets
) -> tuple[Ring, ...]:
    """The rings that the options say.

    Raises:
        RolloutNotRequested: there is no device for a ring, or for any.
        typer.BadParameter: a threshold is of no ring.
    """
    from lineal_consumers.deploy.rollout_request import ALL, CANARY, rings_of

    unknown = set(thresholds) - set(wanted or (CANARY, ALL))
    if unknown:
        raise typer.BadParameter(f"there is no ring {min(unknown)}", param_hint="--threshold")
    return rings_of(reached, wanted, thresholds)


def shares(options: list[str] | None) -> dict[str, float]:
    """What ``--threshold`` says.

    Raises:
        typer.BadParameter: a share is not between 0 and 1.
    """
    given = pairs(options, "--threshold")
    return {name: _number(share, "--threshold") for name, share in given.items()}


def step_timeouts(options: list[str] | None) -> StepTimeouts:
    """What ``--timeout`` says.

    Raises:
        typer.BadParameter: there is no such step, or time.
    """
    from pydantic import ValidationError

    from lineal_schemas.deployments import StepTimeouts

    given = pairs(options, "--timeout")
    unknown = set(given) - set(StepTimeouts.model_fields)
    if unknown:
        raise typer.BadParameter(
            f"there is no step {min(unknown)}: {', '.join(StepTimeouts.model_fields)}",
            param_hint="--timeout",
        )
    try:
        return StepTimeouts(**{step: _number(text, "--timeout") for step, text in given.items()})
    except ValidationError as error:
        raise typer.BadParameter("seconds are above 0", param_hint="--timeout") from error


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value < 0 or (option == "--threshold" and value > 1):
        raise typer.BadParameter(f"{text!r} is no such number", param_hint=option)
    return value


def print_asked(asked: dict[str, Any], what: str) -> None:
    """Say what was asked for, and which devices are left out."""
    counts = ", ".join(f"{item['name']}: {len(item['devices'])}" for item in asked["rings"])
    typer.echo(f"{asked['rollout']}  {what}  to {counts}")
    for device, reason in asked["left_out"].items():
        typer.echo(f"left out {device}: {reason}", err=True)
