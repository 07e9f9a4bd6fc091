"""``lineal table``: puts tables on the bus, and reads predictions."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from lineal_cli.options import CommandFailed, DataOption, JsonOption, load_settings
from lineal_cli.printing import print_json, print_table
from lineal_cli.reading import existing_data
from lineal_cli.table_question import what_if

if TYPE_CHECKING:
    from lineal.runtime import Runtime

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Tables: put rows on the bus to learn from and score, and read predictions.",
)
app.command("what-if")(what_if)
_SOURCE = "lineal:cli/table"
TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="Its name.")]


@app.command()
def put(
    table: TableArgument,
    definition: Annotated[
        Path, typer.Option("--definition", metavar="FILE", help="Declares features and targets.")
    ],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV or Parquet, with all rows.")
    ] = None,
    postgres: Annotated[
        str | None, typer.Option("--postgres", metavar="URL", help="Instead: a database.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="SQL", help="With --postgres: the rows.")
    ] = None,
    events: Annotated[
        str | None, typer.Option("--events", metavar="TYPE", help="Instead: events of a type.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", help="UTC; rows of this time and later do not count. Now."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put all rows of a table on the bus: features are made, models learn, entities are scored."""
    given = [one for one in (file, postgres, events) if one is not None]
    if len(given) != 1 or (postgres is None) != (query is None):
        raise typer.BadParameter("give a FILE, or --postgres with --query, or --events")
    from lineal_consumers.tables.definition import read_definition

    declared = definition.read_bytes()
    read_definition(declared)
    moment = datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=UTC)
    folder = load_settings(data).data
    event = asyncio.run(
        _put(folder, table, declared, file, postgres, query, events, int(moment.timestamp() * 1e6))
    )
    if as_json:
        print_json(event)
    else:
        typer.echo(f"{table}: {event['content']['bytes']} bytes of rows are on the bus")


async def _put(
    folder: Path,
    table: str,
    definition: bytes,
    file: Path | None,
    postgres: str | None,
    query: str | None,
    events: str | None,
    as_of_us: int,
) -> dict[str, Any]:
    from io import BytesIO

    from lineal.access.senders import require_acting
    from lineal.acts import publish_act
    from lineal.runtime import open_runtime
    from lineal_consumers.tables.sources import query_to_parquet
    from lineal_producers.arrival import store
    from lineal_schemas.envelope import now_us
    from lineal_schemas.ids import arrival_id
    from lineal_schemas.tables import TableArrived

    async with open_runtime(load_settings(folder)) as runtime:
        by = await require_acting(runtime.store, "upload")
        with TemporaryDirectory(prefix="lineal-table-") as temporary:
            source = "file:" if file is None else f"file:{file.name}"
            rows = file or Path(temporary) / "rows.parquet"
            if postgres is not None and query is not None:
                source = "postgres"
                await asyncio.to_thread(query_to_parquet, postgres, query, rows)
            elif events is not None:
                source = f"events:{events}"
                await _events_to_parquet(runtime, events, rows)
            if not rows.is_file():
                raise CommandFailed("there are no rows")
            with rows.open("rb") as stream:
                content = await store(runtime, stream, "application/octet-stream")
        declared = await store(runtime, BytesIO(definition), "application/toml")
        payload = TableArrived(
            table=table, source=source, content=content, definition=declared, as_of_us=as_of_us
        )
        identifier = arrival_id(_SOURCE, content.sha256, f"{table}\n{as_of_us}\n{now_us()}")
        await publish_act(runtime, payload, id=identifier, source=_SOURCE, actor=by.actor)
    return payload.model_dump(mode="json")


async def _events_to_parquet(runtime: Runtime, kind: str, file: Path) -> None:
    """Write the data of all events of a type that are still on the bus into a Parquet file."""
    from lineal_consumers.tables.sources import values_to_parquet

    values = [value async for value in _values(runtime, kind)]
    await asyncio.to_thread(values_to_parquet, [values] if values else [], file)


async def _values(runtime: Runtime, kind: str) -> AsyncIterator[dict[str, Any]]:
    from lineal.bus.claim_check import check_out
    from lineal.errors import UnknownTopic
    from lineal.events_on_topic import read_admitted

    try:
        async for delivery in read_admitted(runtime, kind):
            event = await check_out(delivery.event, runtime.objects)
            value = orjson.loads(event.data)
            if isinstance(value, dict):
                # The time of the event, for rows that do not have one of their own.
                yield {"event_time": event.time, **value}
    except UnknownTopic:
        raise CommandFailed(f"there is no topic {kind!r}: `lineal topics` lists them") from None


@app.command()
def predictions(
    table: TableArgument,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Of this model only.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option("--entity", metavar="ENTITY", help="Of this one only.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="So many, the largest first.")] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest predictions of a table's models, with their reasons."""
    found = asyncio.run(_predictions(existing_data(data), table, model, entity))
    chosen = sorted(found, key=lambda one: (-one["value"], one["entity"]))[:top]
    if as_json:
        print_json(chosen)
        return
    print_table(
        ("model", "entity", "prediction", "because of"),
        [
            (f"{one['model']} {one['version']}", one["entity"], f"{one['value']:.4g}",
             ", ".join(f"{r['feature']} {'+' if r['moved'] >= 0 else ''}{r['moved']:.2g}"
                       for r in one.get("reasons", ())))
            for one in chosen
        ],
        right=frozenset({"prediction"}),
        empty="Nothing was predicted yet: a model of this table has to be in use.",
    )  # fmt: skip


async def _predictions(
    folder: Path, table: str, model: str | None, entity: str | None
) -> list[dict[str, Any]]:
    from lineal.bus.protocol import Selection
    from lineal.errors import UnknownTopic
    from lineal.events_on_topic import read_admitted
    from lineal.runtime import open_runtime
    from lineal_schemas.envelope import decode
    from lineal_schemas.tables import PredictionMade

    newest: dict[tuple[str, int], PredictionMade] = {}
    async with open_runtime(load_settings(folder)) as runtime:
        try:
            async for delivery in read_admitted(runtime, PredictionMade.type, Selection(key=table)):
                made = decode(delivery.event).data
                assert isinstance(made, PredictionMade)
                if model is None or made.model.name == model:
                    newest[made.model.name, made.bucket] = made
        except UnknownTopic:
            return []
        found = []
        for made in newest.values():
            for line in gzip.decompress(await runtime.objects.get(made.content)).splitlines():
                value = orjson.loads(line)
                if entity is None or value["entity"] == entity:
                    found.append({"model": made.model.name, "version": made.model.version, **value})
    return found
