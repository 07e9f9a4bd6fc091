"""``lineal topics``: lists topics with their groups and lag, and creates topics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from lineal.bus.protocol import GroupInfo, TopicInfo
from lineal.bus.topic_names import redrive_topic
from lineal.dependencies.open_circuits import OpenCircuit, open_circuits
from lineal.effects.retries import WaitingRetries, waiting_retries
from lineal.store.connection import Connection
from lineal_cli.names import topic_name
from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table, when
from lineal_cli.reading import reading_folder
from lineal_schemas.envelope import now_us

if TYPE_CHECKING:
    from lineal.settings import Settings

Retries: TypeAlias = Mapping[str, WaitingRetries]
Overview: TypeAlias = tuple[list[TopicInfo], Retries, Sequence[OpenCircuit]]

app = typer.Typer(
    invoke_without_command=True, add_completion=False, help="List topics with their groups and lag."
)


@app.callback()
def topics(context: typer.Context, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List topics with their groups and lag."""
    if context.invoked_subcommand is not None:
        context.obj = data
        return
    infos, retries, circuits = _overview(data)
    if as_json:
        print_json([_fields(info, retries, circuits) for info in infos])
        return
    rows = []
    for info in infos:
        groups = [
            (group.group, str(group.lag), *_waiting_cells(_retries_of(info, group, retries)))
            for group in info.groups
        ] or [("",) * 4]
        for number, cells in enumerate(groups):
            rows.append((*(("",) * 4 if number else _cells(info)), *cells))
    columns = ("topic", "events", "per_minute", "partitions", "group", "lag", "delayed", "until")
    right = frozenset({"events", "per_minute", "partitions", "lag", "delayed"})
    print_table(columns, rows, right=right, empty="No topic yet.")
    for circuit in circuits:
        typer.echo(
            f"{circuit.dependency} does not answer {', '.join(circuit.stages)} since "
            f"{when(circuit.opened)} ({circuit.error}, {circuit.worker}); it is called again at "
            f"{when(circuit.next_call)}",
            err=True,
        )


def _overview(data: Path | None) -> Overview:
    """All topics, by stage the events that are tried again later, and what does not answer."""
    if (settings := load_settings(data)).bus != "sqlite:":
        return asyncio.run(_asked_topics(settings))
    from lineal.bus.embedded.overview import topic_infos

    with reading_folder(settings.data) as connection:
        return topic_infos(connection), *_waiting(connection)


async def _asked_topics(settings: Settings) -> Overview:
    from lineal.runtime import open_runtime

    async with open_runtime(settings) as runtime:
        return await runtime.bus.topics(), *await runtime.store.read(_waiting)


def _waiting(connection: Connection) -> tuple[Retries, Sequence[OpenCircuit]]:
    return waiting_retries(connection), open_circuits(connection, now_us())


def _retries_of(info: TopicInfo, group: GroupInfo, retries: Retries) -> WaitingRetries | None:
    """What is to come back to a group on a topic."""
    return retries.get(group.group) if info.topic == redrive_topic(group.group) else None


def _waiting_cells(waiting: WaitingRetries | None) -> tuple[str, str]:
    if waiting is None:
        return "", ""
    first, last = when(waiting.next_due), when(waiting.last_due)
    return str(waiting.events), first if first == last else f"{first} to {last}"


def _cells(info: TopicInfo) -> tuple[str, str, str, str]:
    numbers = (info.events, info.published_last_minute, info.partitions or None)
    events, per_minute, partitions = ("" if n is None else str(n) for n in numbers)
    if not info.counted:
        events = f"<= {events}"
    return (info.topic, events, per_minute, partitions)


def _delayed_fields(waiting: WaitingRetries | None) -> dict[str, object] | None:
    if waiting is None:
        return None
    return {
        "events": waiting.events,
        "next_us": waiting.next_due,
        "last_us": waiting.last_due,
    }


def _circuit_fields(circuits: Sequence[OpenCircuit], group: str) -> list[dict[str, object]]:
    return [
        {
            "dependency": circuit.dependency,
            "worker": circuit.worker,
            "opened_us": circuit.opened,
            "next_call_us": circuit.next_call,
            "error": circuit.error,
        }
        for circuit in circuits
        if group in circuit.stages
    ]


def _fields(
    info: TopicInfo,
    retries: Retries = MappingProxyType({}),
    circuits: Sequence[OpenCircuit] = (),
) -> dict[str, object]:
    return {
        "topic": info.topic,
        "events": info.events,
        "counted": info.counted,
        "per_minute": info.published_last_minute,
        "partitions": info.partitions,
        "retention_seconds": info.retention_seconds,
        "groups": [
            {
                "group": group.group,
                "lag": group.lag,
                "delayed": _delayed_fields(_retries_of(info, group, retries)),
                "open_circuits": _circuit_fields(circuits, group.group),
                "partitions": [
                    {
                        "partition": partition.partition,
                        "position": partition.position,
                        "end": partition.end,
                        "lag": partition.lag,
                        "owner": partition.owner,
                    }
                    for partition in group.partitions
                ],
            }
            for group in info.groups
        ],
    }


def _given_name(text: str | None) -> str | None:
    return None if text is None else topic_name(text)


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(callback=_given_name)] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Everything the installed stages need: their topics, queues and groups; and a "
            "topic for every event type of installed packages.",
        ),
    ] = False,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="How many workers can share it; fixed once it is made."),
    ] = None,
    retention: Annotated[
        int | None,
        typer.Option(min=1, metavar="SECONDS", help="Remove handled events older than this."),
    ] = None,
    compacted: Annotated[
        bool, typer.Option(help="Keep only the newest event of each key, where the bus can.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make sure that a topic exists, or everything that the installed stages need."""
    folder = data if data is not None else context.obj
    if (name is None) != every:
        raise typer.BadParameter("give the name of a topic, or --all", param_hint="NAME")
    if name is None:
        _create_all(partitions, retention, folder, as_json)
        return
    info, existed = asyncio.run(_create(name, partitions, retention, compacted, folder))
    if partitions is not None and info.partitions not in (0, partitions):
        typer.echo(
            f"{name} keeps its {info.partitions} partitions: with another number, keys would lose "
            "their order. Make a topic of another name.",
            err=True,
        )
    if as_json:
        print_json({**_fields(info), "created": not existed})
    else:
        partitioned = f": {info.partitions} partitions" if info.partitions else ""
        typer.echo(f"{name} {'exists' if existed else 'created'}{partitioned}")


def _create_all(
    partitions: int | None, retention: int | None, data: Path | None, as_json: bool
) -> None:
    groups = asyncio.run(_provision(partitions, retention, data))
    if as_json:
        print_json([{"group": group, "topics": topics} for group, topics in groups.items()])
        return
    rows = [
        (group if not number else "", topic)
        for group, topics in groups.items()
        for number, topic in enumerate(topics)
    ]
    print_table(("group", "topic"), rows, empty="No stage is installed.")


async def _provision(
    partitions: int | None, retention: int | None, data: Path | None
) -> dict[str, list[str]]:
    from lineal.bus.protocol import TopicSettings
    from lineal.bus.topic_names import dead_letter_topic
    from lineal.daemon import runtime_topics
    from lineal.events import installed_types, types_of_lineal
    from lineal.runtime import open_runtime
    from lineal.stages.discovery import installed_stages
    from lineal.stages.topics import stage_topics

    settings = load_settings(data)
    chosen = TopicSettings(
        partitions=partitions or settings.partitions,
        retention_seconds=retention or settings.retention_seconds,
    )
    groups: dict[str, list[str]] = {}
    async with open_runtime(settings) as runtime:
        made = set[str]()
        for stage in installed_stages().values():
            reads = stage_topics(stage)
            writes = [payload.type for payload in stage.produces]
            groups[stage.name] = reads
            for topic in (*reads, *writes, dead_letter_topic(stage.name)):
                if topic not in made:
                    await runtime.bus.create_topic(topic, chosen)
                    made.add(topic)
            for topic in reads:
                await runtime.bus.create_topic(topic, groups=[stage.name])
        for topic in runtime_topics():
            await runtime.bus.create_topic(topic, chosen)
        for kind in sorted(installed_types().keys() - types_of_lineal() - made):
            await runtime.bus.create_topic(kind, chosen)
    return groups


async def _create(
    name: str, partitions: int | None, retention: int | None, compacted: bool, data: Path | None
) -> tuple[TopicInfo, bool]:
    from lineal.bus.protocol import TopicSettings
    from lineal.runtime import open_runtime

    settings = load_settings(data)
    async with open_runtime(settings) as runtime:
        before = {info.topic: info for info in await runtime.bus.topics()}
        chosen = TopicSettings(
            partitions=partitions or settings.partitions,
            retention_seconds=retention or settings.retention_seconds,
            compacted=compacted,
        )
        if name not in before or retention is not None or compacted:
            await runtime.bus.create_topic(name, chosen)
        after = {info.topic: info for info in await runtime.bus.topics()}
        return after[name], name in before
