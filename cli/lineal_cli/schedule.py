"""``lineal schedule``: events that are published later, once or again and again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lineal_cli.names import topic_name
from lineal_cli.options import CommandFailed, DataOption, JsonOption, data_folder, load_settings
from lineal_cli.printing import count_of, plain, print_json, print_table, when
from lineal_cli.reading import existing_data

if TYPE_CHECKING:
    from lineal.access.credential import Credential
    from lineal.runtime import Runtime
    from lineal_schemas.envelope import RawEvent

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Events that are published later: set, list and end schedules.",
)

T = TypeVar("T")
FileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="FILE|-", help="JSON: the data of the event, or a CloudEvent."),
]
TopicArgument = Annotated[str, typer.Argument(callback=topic_name)]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Of the schedule; one of this name is replaced.")],
    cron: Annotated[
        str,
        typer.Argument(
            metavar="CRON",
            help="Minute, hour, day of the month, month, day of the week: '0 6 * * MON-FRI'.",
        ),
    ],
    topic: TopicArgument,
    file: FileArgument = None,
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="That CRON is meant in: Europe/Berlin.")
    ] = "UTC",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish an event again and again, each time once however many daemons run."""
    from lineal.library.publishing_later import set_schedule
    from lineal.stages.schedules import Schedule

    items = _items(file)
    if len(items) != 1:
        raise CommandFailed(f"a schedule has one event: this is {count_of(len(items), 'item')}")

    async def do(runtime: Runtime, by: Credential) -> datetime:
        (event,) = _admitted(topic, items, by)
        scheduled = f"schedule {name}"
        event = event._replace(
            id=scheduled,
            partitionkey=scheduled if event.partitionkey == event.id else event.partitionkey,
            correlationid=scheduled if event.correlationid == event.id else event.correlationid,
        )
        return await set_schedule(runtime, Schedule(name, cron, zone), event)

    first = round(_publishing(data_folder(data), do).timestamp() * 1e6)
    if as_json:
        print_json({"name": name, "cron": cron, "zone": zone, "topic": topic, "next_us": first})
    else:
        typer.echo(f"{plain(name)} publishes to {topic} from {when(first)} on")


@app.command()
def once(
    at: Annotated[
        str,
        typer.Argument(
            metavar="TIME", help="10m from now (30s, 2h, 1d), or 2030-01-31T06:00+01:00."
        ),
    ],
    topic: TopicArgument,
    file: FileArgument = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish events at a time, once."""
    from lineal.library.publishing_later import publish_later

    due = _time(at)
    items = _items(file)

    async def do(runtime: Runtime, by: Credential) -> list[str]:
        events = _admitted(topic, items, by)
        await publish_later(runtime, events, due)
        return [event.id for event in events]

    ids = _publishing(data_folder(data), do)
    due_us = round(due.timestamp() * 1e6)
    if as_json:
        print_json([{"id": identifier, "topic": topic, "due_us": due_us} for identifier in ids])
    else:
        typer.echo(f"{count_of(len(ids), 'event')} will be published to {topic} at {when(due_us)}")


@app.command("list")
def list_all(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List schedules, and the events that wait for their time."""
    from lineal.runtime import open_runtime
    from lineal.stages.schedules import delayed_events, planned_schedules

    async def found(folder: Path) -> list[dict[str, Any]]:
        async with open_runtime(load_settings(folder)) as runtime:
            schedules = await runtime.store.read(planned_schedules)
            delayed = await runtime.store.read(delayed_events)
        return [
            _row(item.schedule.name, item.type, item.due, item.schedule.cron, item.schedule.zone)
            for item in schedules
        ] + [_row(event.id, event.type, event.due) for event in delayed]

    rows = asyncio.run(found(existing_data(data)))
    if as_json:
        print_json(rows)
        return
    print_table(
        ("name", "when", "zone", "topic", "next"),
        [
            (
                row["name"],
                row["cron"] or "once",
                row["zone"] or "",
                row["topic"],
                when(row["next_us"]),
            )
            for row in rows
        ],
        empty="Nothing waits for its time: `lineal schedule add NAME CRON TOPIC FILE` has an event "
        "published again and again.",
    )


@app.command()
def end(
    name: Annotated[str, typer.Argument(help="Of a schedule, or the id of an event that waits.")],
    data: DataOption = None,
) -> None:
    """End a schedule, or take back an event that waits for its time."""
    from lineal.library.publishing_later import cancel_later, end_schedule

    async def do(runtime: Runtime, by: Credential) -> bool:
        return await end_schedule(runtime, name) or await cancel_later(runtime, name)

    if not _publishing(existing_data(data), do):
        raise CommandFailed(f"no schedule and no waiting event is called {plain(name)}")
    typer.echo(f"ended {plain(name)}")


def _row(
    name: str, topic: str, due: int, cron: str | None = None, zone: str | None = None
) -> dict[str, Any]:
    return {"name": name, "cron": cron, "zone": zone, "topic": topic, "next_us": due}


def _publishing(folder: Path, do: Callable[[Runtime, Credential], Awaitable[T]]) -> T:
    """Do something on the bus as somebody who may publish."""
    from lineal.access.senders import require_acting
    from lineal.runtime import open_runtime
    from lineal.stages.schedules import WrongSchedule

    async def opened() -> T:
        async with open_runtime(load_settings(folder)) as runtime:
            return await do(runtime, await require_acting(runtime.store, "publish"))

    try:
        return asyncio.run(opened())
    except WrongSchedule as error:
        raise CommandFailed(str(error)) from error


def _admitted(topic: str, items: list[bytes], by: Credential) -> list[RawEvent]:
    from lineal.admission import NotAllowed, admit
    from lineal.errors import PermanentFailure
    from lineal_cli.emit import event_of
    from lineal_producers.admission_policies import EMIT
    from lineal_schemas.envelope import now_us

    started = now_us()
    events = []
    for number, item in enumerate(items, 1):
        try:
            event = admit(event_of(topic, item, number, started), EMIT, topic, actor=by.actor)
        except (NotAllowed, PermanentFailure) as error:
            raise CommandFailed(f"item {number}: {error}") from error
        if event.type != topic:
            raise CommandFailed(
                f"item {number}: published later, it goes to the topic of its type, {event.type}"
            )
        events.append(event)
    return events


def _items(file: Path | None) -> list[bytes]:
    from lineal_cli.json_input import items_of

    content = sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()
    items = [item for batch in items_of(iter([content])) for item in batch]
    if not items:
        raise CommandFailed("there is no event in it: give its data as JSON, at least {}")
    return items


def _time(text: str) -> datetime:
    from lineal.durations import WrongDuration, seconds_of

    try:
        return datetime.now(UTC) + timedelta(seconds=seconds_of(text))
    except WrongDuration:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is neither a duration like 10m nor a time like 2030-01-31T06:00+01:00"
        ) from error
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone: write it as in 2030-01-31T06:00+01:00")
    return at
