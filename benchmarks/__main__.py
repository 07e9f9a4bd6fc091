"""``make bench [ONLY=name]``: run the benchmarks, print a table, write results/latest.json."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import (
    ag_news,
    bus,
    documents,
    edge_score,
    kafka,
    lineage,
    skab,
    sqs,
    start,
    telemetry,
)
from benchmarks.measurement import Result

RESULTS = Path(__file__).parent / "results" / "latest.json"
BENCHMARKS = (
    *bus.BENCHMARKS,
    *kafka.BENCHMARKS,
    *sqs.BENCHMARKS,
    *lineage.BENCHMARKS,
    *documents.BENCHMARKS,
    *start.BENCHMARKS,
    *edge_score.BENCHMARKS,
    *telemetry.BENCHMARKS,
    *skab.BENCHMARKS,
    *ag_news.BENCHMARKS,
)


def main() -> int:
    names = [name for benchmark in BENCHMARKS for name in benchmark.names]
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=names, help="one benchmark")
    arguments = parser.parse_args()
    results: list[Result] = []
    for benchmark in BENCHMARKS:
        if arguments.only is None or arguments.only in benchmark.names:
            print(f"measuring {', '.join(benchmark.names)} ...", file=sys.stderr, flush=True)
            results += benchmark.measure()
    write(results)
    show(results)
    return 0


def write(results: list[Result]) -> None:
    """Write the results, keeping those of benchmarks that were not run this time."""
    kept = {}
    if RESULTS.exists():
        kept = {item["name"]: item for item in json.loads(RESULTS.read_text())}
    kept.update({result.name: dataclasses.asdict(result) for result in results})
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(list(kept.values()), indent=2) + "\n")


def show(results: list[Result]) -> None:
    """Print the table."""
    table = Table(
        title=f"{os.cpu_count()} cores, {platform.machine()}, Python {sys.version.split()[0]}"
    )
    for column in ("name", "value", "unit", "peer", "peer's value", "ratio", "goal"):
        table.add_column(column)
    for result in results:
        table.add_row(
            result.name,
            f"{result.value:,.3g}" if result.value < 100 else f"{result.value:,.0f}",
            result.unit,
            result.peer or "",
            "" if result.peer_value is None else f"{result.peer_value:,.3g}",
            "" if result.ratio is None else f"{result.ratio:.2f}",
            result.goal,
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
