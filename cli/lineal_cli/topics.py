"""``lineal topics``: lists topics with their groups and lag, and creates topics."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal.bus.protocol import TopicInfo
from lineal_cli.names import topic_name
from lineal_cli.options import DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table
from lineal_cli.reading import reading_folder

if TYPE_CHECKING:
    from lineal.settings import Settings

app = typer.Typer(
    invoke_without_command=True, add_completion=False, help="List topics with their groups and lag."
)


@app.callback()
def topics(context: typer.Context, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List topics with their groups and lag."""
    if context.invoked_subcommand is not None:
        context.obj = data
        return
    infos = _overview(data)
    if as_json:
        print_json([_fields(info) for info in infos])
        return
    rows = []
    for info in infos:
        groups = [(group.group, str(group.lag)) for group in info.groups] or [("", "")]
        for number, (group, lag) in enumerate(groups):
            topic = ("",) * 4 if number else _cells(info)
            rows.append((*topic, group, lag))
    columns = ("topic", "events", "per_minute", "partitions", "group", "lag")
    right = frozenset({"events", "per_minute", "partitions", "lag"})
    print_table(columns, rows, right=right, empty="No topic yet.")


def _overview(data: Path | None) -> list[TopicInfo]:
    if (settings := load_settings(data)).bus != "sqlite:":
        return asyncio.run(_asked_topics(settings))
    from lineal.bus.embedded.overview import topic_infos

    with reading_folder(settings.data) as connection:
        return topic_infos(connection)


async def _asked_topics(settings: Settings) -> list[TopicInfo]:
    from lineal.runtime import open_runtime

    async with open_runtime(settings) as runtime:
        return await runtime.bus.topics()


def _cells(info: TopicInfo) -> tuple[str, str, str, str]:
    numbers = (info.events, info.published_last_minute, info.partitions or None)
    events, per_minute, partitions = ("" if n is None else str(n) for n in numbers)
    if not info.counted:
        events = f"<= {events}"
    return (info.topic, events, per_minute, partitions)


def _fields(info: TopicInfo) -> dict[str, object]:
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
    from lineal.daemon import runtime_topics, stage_topics
    from lineal.events import installed_types, types_of_lineal
    from lineal.runtime import open_runtime
    from lineal.stages.discovery import installed_stages

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
