"""``lineal size``: what a rate of events takes."""

from __future__ import annotations

from typing import Annotated

import typer

from lineal_cli.capacity import BusKind, Load, StoreKind, plan
from lineal_cli.options import FAILED, JsonOption
from lineal_cli.printing import print_json, print_table


def size(
    rate: Annotated[float, typer.Option(metavar="N", min=0.001, help="Events a second.")],
    bytes_: Annotated[
        int, typer.Option("--bytes", metavar="B", min=1, help="Of an event with its envelope.")
    ] = 1000,
    stages: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many stages handle each event.")
    ] = 1,
    handler_us: Annotated[
        float,
        typer.Option(metavar="US", min=0, help="CPU of a stage's own function, in microseconds."),
    ] = 0.0,
    bus: Annotated[BusKind, typer.Option(help="The bus.")] = "kafka",
    store: Annotated[StoreKind, typer.Option(help="The store of the ledger.")] = "sqlite",
    as_json: JsonOption = False,
) -> None:
    """Say what a rate of events takes: workers, partitions, brokers, logs, disk."""
    load = Load(rate=rate, bytes=bytes_, stages=stages, handler_us=handler_us, bus=bus, store=store)
    found = plan(load)
    if as_json:
        print_json(found._asdict())
    else:
        rows = [
            ("steps a second", f"{found.steps:,.0f}"),
            ("workers", f"{found.workers:,} ({found.workers_per_stage:,} of each stage)"),
            ("partitions of a topic", f"{found.partitions:,}"),
            ("brokers", f"{found.brokers:,}"),
            ("logs", f"{found.logs:,}"),
            ("cores kept busy", f"{found.cores:,}"),
            ("on brokers, a day", _terabytes(found.broker_bytes_per_day)),
            ("in ledgers, a day", _terabytes(found.store_bytes_per_day)),
        ]
        if found.object_bytes_per_day:
            rows.append(("in the object store, a day", _terabytes(found.object_bytes_per_day)))
        print_table(("what", "takes"), rows)
        for note in found.notes:
            typer.echo(note, err=True)
    if not found.fits:
        raise typer.Exit(FAILED)


def _terabytes(count: int) -> str:
    return f"{count / 1e12:,.3g} TB" if count < 1e15 else f"{count / 1e12:,.0f} TB"
