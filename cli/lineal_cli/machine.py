"""``lineal machine``: describes machines, each in one file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal_cli.options import FAILED, CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table, when
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_catalog.reviews.reviewer import Reviewer
    from lineal_schemas.anomalies import MachineMarked
    from lineal_schemas.reviews import ReviewCompleted, ReviewOpinion

_SOURCE = "lineal:cli/machine"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Machines of your own: propose a description, check it, list what there is, mark times.",
)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Readings of the machine.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the machine; else the file's.")
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option("--devices", help="Names of its devices, with * and ?; else NAME-*."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write it; else machines/NAME.toml.")
    ] = None,
) -> None:
    """Propose a machine file from readings in a CSV file."""
    from pydantic import TypeAdapter, ValidationError

    from lineal_cli.machine_proposal import propose
    from lineal_schemas.models import ModelName
    from lineal_scoring.machine import read_machine

    called = name or file.stem.lower().replace(" ", "-")
    try:
        TypeAdapter(ModelName).validate_python(called)
    except ValidationError as error:
        raise CommandFailed(f"{called!r} is no name of a machine: choose one by --name") from error
    target = out or _folder() / f"{called}.toml"
    try:
        proposal = propose(file, devices or f"{called}-*")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as text:
            text.write(f'name = "{called}"\n' if target.stem != called else "")
            text.write(proposal.text)
    except FileExistsError as error:
        raise CommandFailed(f"{target} is there already: it is left alone") from error
    except OSError as error:
        raise CommandFailed(f"{error.filename or file}: {error.strerror}") from error
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    machine = read_machine(target)
    print(f"wrote {target}: {len(machine.channels)} channels, from {proposal.rows} rows")
    for column, why in proposal.left_out:
        print(f"left out {column}: {why}")
    print("next: look at its units, kinds and ranges, then start the daemon again")


@app.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Machine files; else those of the folder.")
    ] = None,
) -> None:
    """Check machine files; errors say the line."""
    from lineal_scoring.machine import BadMachine, read_machine, read_machines

    chosen = files or sorted(_folder().glob("*.toml"))
    if not chosen:
        raise CommandFailed(f"there are no machine files in {_folder()}: `lineal machine new`")
    problems = []
    for file in chosen:
        try:
            machine = read_machine(file)
        except BadMachine as error:
            problems.append(str(error))
        else:
            print(
                f"{file}: {machine.name}, {len(machine.scored)} of {len(machine.channels)} scored"
            )
    if not problems and not files:
        try:
            read_machines(_folder())  # together: whether two describe the same devices
        except BadMachine as error:
            problems.append(str(error))
    for line in "\n".join(problems).splitlines():
        typer.echo(f"lineal: {line}", err=True)
    if problems:
        raise typer.Exit(FAILED)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the machines that are described."""
    from lineal_scoring.machine import BadMachine, read_machines

    try:
        machines = read_machines(_folder())
    except BadMachine as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json([machine.model_dump(mode="json") for machine in machines])
        return
    print_table(
        ("machine", "devices", "rate", "channels"),
        [
            (
                machine.name,
                ", ".join(machine.devices),
                f"{machine.rate_hz:g} Hz",
                ", ".join(
                    f"{name} [{channel.unit}]" if channel.unit else name
                    for name, channel in machine.channels.items()
                ),
            )
            for machine in machines
        ],
    )


@app.command()
def mark(
    device: Annotated[
        str | None, typer.Argument(metavar="DEVICE", help="Whose time it is.")
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="As 2030-01-31T06:00+01:00, or 2h: ago."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="The same; now unless given.")
    ] = None,
    fault: Annotated[
        str | None, typer.Option("--fault", metavar="KIND", help="It had this fault: bearing.")
    ] = None,
    normal: Annotated[bool, typer.Option("--normal", help="It was normal.")] = False,
    withdraw: Annotated[
        str | None, typer.Option("--withdraw", metavar="ID", help="Instead: take a mark back.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a device was normal for a time, or which fault it had.

    Nothing is learnt from a fault, thresholds are not set on it, and it is no drift; what is
    normal counts whatever was found in it. Anomalies that look like a marked one are called by its
    name.
    """
    import asyncio

    if withdraw is None and (device is None or begin is None or normal == (fault is not None)):
        raise typer.BadParameter("give DEVICE, --from, and either --fault KIND or --normal")
    now = datetime.now(UTC)
    span = None
    if withdraw is None:
        assert begin is not None
        span = _time_us(begin, now), _time_us(end, now) if end else int(now.timestamp() * 1e6)
        if span[1] <= span[0]:
            raise typer.BadParameter("the time ends before it begins")
    made = asyncio.run(_mark(existing_data(data), device, span, fault, withdraw))
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    what = made.fault or "normal"
    action = "taken back" if made.withdrawn else "marked"
    print(f"{made.device}: {when(made.from_us)} to {when(made.to_us)} {action}: {what}")


async def _mark(
    folder: Path,
    device: str | None,
    span: tuple[int, int] | None,
    fault: str | None,
    withdraw: str | None,
) -> MachineMarked:
    from pydantic import ValidationError

    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal_catalog.devices.marks import mark_machine, withdraw_mark

    async with open_runtime(load_settings(folder)) as runtime:
        await runtime.flush_ledger()
        by = await require_acting(runtime.store, "review")
        if withdraw is not None:
            return await withdraw_mark(runtime, by, _SOURCE, mark=withdraw)
        assert device is not None
        assert span is not None
        try:
            return await mark_machine(
                runtime, by, _SOURCE, device=device, from_us=span[0], to_us=span[1], fault=fault
            )
        except ValidationError as error:
            raise CommandFailed(
                f"{fault!r} is no name of a fault: small letters, digits, spaces, - . and _"
            ) from error


@app.command()
def answer(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Whose alarm does not end.")],
    normal: Annotated[
        bool, typer.Option("--normal", help="What it does now is normal from now on.")
    ] = False,
    fault: Annotated[
        str | None, typer.Option("--fault", metavar="KIND", help="It is this fault: bearing.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a device in alarm has a fault, or is normal in a new state.

    It answers what waits in `lineal review` about the device's newest anomaly. A state that is
    normal is taken over, here and on the device, and the alarm is closed. A fault stays one however
    long it lasts, and its time is marked.
    """
    from lineal_cli.reviewing import as_reviewer

    if normal == (fault is not None):
        raise typer.BadParameter("give either --normal or --fault KIND")

    async def give(runtime: Runtime, who: Reviewer) -> ReviewCompleted | ReviewOpinion:
        from pydantic import ValidationError

        from lineal_catalog.reviews.answers import complete
        from lineal_catalog.reviews.queries import Filter, list_reviews
        from lineal_schemas.envelope import now_us
        from lineal_schemas.reviews import ReviewValue

        await runtime.flush_ledger()
        wanted = Filter(subject=f"device:{device}", target="anomaly")
        now = now_us()
        found = await runtime.store.read(
            lambda c: list_reviews(c, now=now, wanted=wanted, names=who.names)
        )
        if not found:
            raise CommandFailed(
                f"nothing waits to be answered about {device!r}: see `lineal review list`"
            )
        try:
            said = ReviewValue(verdict="normal" if normal else "anomaly", fault=fault)
        except ValidationError as error:
            raise CommandFailed(
                f"{fault!r} is no name of a fault: small letters, digits, spaces, - . and _"
            ) from error
        newest = max(found, key=lambda item: item.created)
        return await complete(runtime, newest.item_id, said, who)

    made = as_reviewer(data, give)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    print(f"{device}: {'normal from now on' if normal else f'a fault: {fault}'}, by {made.by}")


@app.command()
def marks(
    device: Annotated[
        str | None, typer.Argument(metavar="DEVICE", help="Only of this one.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the times that were marked as faults or as normal."""
    import asyncio

    from lineal.runtime import open_runtime
    from lineal_catalog.devices.marks import list_marks

    async def look() -> list[MachineMarked]:
        async with open_runtime(load_settings(existing_data(data))) as runtime:
            return await list_marks(runtime, device)

    found = asyncio.run(look())
    if as_json:
        print_json([mark.model_dump(mode="json") for mark in found])
        return
    print_table(
        ("mark", "device", "from", "to", "was", "by"),
        [
            (one.mark[:8], one.device, when(one.from_us), when(one.to_us), one.fault or "normal",
             one.by)
            for one in found
        ],
    )  # fmt: skip


def _time_us(text: str, now: datetime) -> int:
    """A time in microseconds since the Unix epoch: with its zone, or how long ago."""
    from lineal.durations import WrongDuration, seconds_of

    try:
        return int((now.timestamp() - seconds_of(text)) * 1e6)
    except WrongDuration:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is neither a time like 2030-01-31T06:00+01:00 nor a duration like 2h"
        ) from error
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone: write it as in 2030-01-31T06:00+01:00")
    return int(at.timestamp() * 1e6)


def _folder() -> Path:
    """The folder of machine files, also while one of them cannot be used."""
    from lineal_consumers.machine_settings import FOLDER, MachineSettings
    from lineal_scoring.machine import BadMachine

    try:
        return load_settings(None).section(MachineSettings).folder
    except (BadMachine, CommandFailed):
        return FOLDER
