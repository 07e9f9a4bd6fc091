"""``lineal topics``: what is on the bus, who reads it, and how far behind they are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineal.bus.protocol import TopicInfo
from lineal.cli.names import topic_name
from lineal.cli.options import DataOption, JsonOption, load_settings
from lineal.cli.printing import print_json, print_table
from lineal.cli.reading import reading_folder

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
    return (info.topic, str(info.events), str(info.published_last_minute), str(info.partitions))


def _fields(info: TopicInfo) -> dict[str, object]:
    return {
        "topic": info.topic,
        "events": info.events,
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


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=topic_name)],
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
    """Make sure that a topic exists."""
    folder = data if data is not None else context.obj
    info, existed = asyncio.run(_create(name, partitions, retention, compacted, folder))
    if partitions is not None and info.partitions != partitions:
        typer.echo(
            f"{name} keeps its {info.partitions} partitions: with another number, keys would lose "
            "their order. Make a topic of another name.",
            err=True,
        )
    if as_json:
        print_json({**_fields(info), "created": not existed})
    else:
        typer.echo(f"{name} {'exists' if existed else 'created'}: {info.partitions} partitions")


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
