"""``make bench [ONLY=name]``: run the benchmarks and print a table.

The results are written to results/latest.json; those of a run of all benchmarks into the README
too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks import (
    ag_news,
    bus,
    documents,
    edge_score,
    kafka,
    lineage,
    proof,
    skab,
    sqs,
    start,
    telemetry,
)
from benchmarks.measurement import Benchmark, Result
from benchmarks.report import README, RESULTS, Run, replace_table, terminal_table, write_results

BENCHMARKS: Sequence[Benchmark] = (
    *bus.BENCHMARKS,
    *kafka.BENCHMARKS,
    *sqs.BENCHMARKS,
    *lineage.BENCHMARKS,
    *proof.BENCHMARKS,
    *documents.BENCHMARKS,
    *start.BENCHMARKS,
    *edge_score.BENCHMARKS,
    *telemetry.BENCHMARKS,
    *skab.BENCHMARKS,
    *ag_news.BENCHMARKS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if there is no such benchmark, or if one failed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", help="a benchmark, or what the names of several begin with")
    only: str | None = parser.parse_args(arguments).only
    chosen = select(BENCHMARKS, only)
    if not chosen:
        names = " ".join(name for benchmark in BENCHMARKS for name in benchmark.names)
        print(f"nothing was measured: no benchmark begins with {only!r}", file=sys.stderr)
        print(f"there are: {names}", file=sys.stderr)
        return 1
    results, failures = measure(chosen)
    run = Run.now()
    write_results(RESULTS, run, results)
    Console(width=160).print(terminal_table(run, results))
    for name, problem in failures.items():
        print(f"not measured: {name}: {problem}", file=sys.stderr)
    if only is None:
        README.write_text(replace_table(README.read_text(), run, results, failures))
    return 1 if failures else 0


def select(benchmarks: Sequence[Benchmark], only: str | None) -> Sequence[Benchmark]:
    """The benchmark of a name, or else all with a name that begins so; all for None."""
    if only is None:
        return benchmarks
    named = [benchmark for benchmark in benchmarks if only in benchmark.names]
    return named or [b for b in benchmarks if any(name.startswith(only) for name in b.names)]


def measure(benchmarks: Sequence[Benchmark]) -> tuple[list[Result], dict[str, str]]:
    """The results, and by name what is wrong with benchmarks that could not be run: a fault of one
    is no reason to lose the hours of the others."""
    results: list[Result] = []
    failures: dict[str, str] = {}
    for benchmark in benchmarks:
        print(f"measuring {', '.join(benchmark.names)} ...", file=sys.stderr, flush=True)
        try:
            results += benchmark.measure()
        except Exception as error:
            failures |= dict.fromkeys(benchmark.names, f"{type(error).__name__}: {error}")
    return results, failures


if __name__ == "__main__":
    raise SystemExit(main())
