"""``make bench [ONLY=name]``: run the benchmarks and print a table.

The results are written to results/latest.json as they come; those of a run of all benchmarks into
the README too, with the names of those that failed or that the run did not come to.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from benchmarks import (
    ag_news,
    bus,
    classes,
    clicks,
    console,
    deidentify,
    diagrams,
    documents,
    edge_photos,
    edge_score,
    edge_vibration,
    fields,
    fleet,
    inspection,
    intents,
    kafka,
    lineage,
    made_photos,
    meaning,
    nab,
    notes,
    packages,
    paperless,
    proof,
    publishing,
    recognition,
    scale,
    serving,
    skab,
    slides,
    speech,
    sqs,
    start,
    streams,
    sweeps,
    tables,
    telemetry,
    windows,
)
from benchmarks.isolation import Outcome, measure_each
from benchmarks.measurement import Benchmark, Result
from benchmarks.report import (
    README,
    RESULTS,
    Run,
    elapsed_table,
    replace_table,
    terminal_table,
    write_results,
)
from lineal_local.availability import Unavailable
from lineal_local.environments import is_set_up, set_up_environment

BENCHMARKS: Sequence[Benchmark] = (
    *bus.BENCHMARKS,
    *clicks.BENCHMARKS,
    *diagrams.BENCHMARKS,
    *kafka.BENCHMARKS,
    *scale.BENCHMARKS,
    *publishing.BENCHMARKS,
    *windows.BENCHMARKS,
    *sqs.BENCHMARKS,
    *lineage.BENCHMARKS,
    *proof.BENCHMARKS,
    *documents.BENCHMARKS,
    *recognition.BENCHMARKS,
    *start.BENCHMARKS,
    *console.BENCHMARKS,
    *edge_score.BENCHMARKS,
    *edge_photos.BENCHMARKS,
    *edge_vibration.BENCHMARKS,
    *telemetry.BENCHMARKS,
    *fleet.BENCHMARKS,
    *skab.BENCHMARKS,
    *slides.BENCHMARKS,
    *nab.BENCHMARKS,
    *inspection.BENCHMARKS,
    *made_photos.BENCHMARKS,
    *serving.BENCHMARKS,
    *sweeps.BENCHMARKS,
    *tables.BENCHMARKS,
    *fields.BENCHMARKS,
    *packages.BENCHMARKS,
    *deidentify.BENCHMARKS,
    *classes.BENCHMARKS,
    *streams.BENCHMARKS,
    *meaning.BENCHMARKS,
    *intents.BENCHMARKS,
    *notes.BENCHMARKS,
    *speech.BENCHMARKS,
    *ag_news.BENCHMARKS,
    *paperless.BENCHMARKS,
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
    set_up_environments(chosen)
    run = Run.now()

    def keep(measured: Measured) -> None:
        write_results(RESULTS, run, measured.results)
        if only is None:
            missing = measured.failures | dict.fromkeys(measured.waiting, "the run was broken off")
            table = replace_table(README.read_text(), run, measured.results, missing)
            README.write_text(table)

    measured = measure(chosen, keep)
    console = Console(width=160)
    console.print(terminal_table(run, measured.results))
    console.print(elapsed_table(measured.seconds))
    for name, problem in measured.failures.items():
        print(f"not measured: {name}: {problem}", file=sys.stderr)
    return 1 if measured.failures else 0


def select(benchmarks: Sequence[Benchmark], only: str | None) -> Sequence[Benchmark]:
    """The benchmark of a name, or else all with a name that begins so; all for None."""
    if only is None:
        return benchmarks
    named = [benchmark for benchmark in benchmarks if only in benchmark.names]
    return named or [b for b in benchmarks if any(name.startswith(only) for name in b.names)]


def set_up_environments(benchmarks: Sequence[Benchmark]) -> None:
    """Install what the benchmarks' peers need, and say at once what cannot be had."""
    for name in dict.fromkeys(name for one in benchmarks for name in one.environments):
        try:
            if not is_set_up(name):
                _say(f"installing {name} into an environment of its own (once)")
            set_up_environment(name)
        except Unavailable as error:
            _say(f"not all will be measured: {error}")


@dataclass(slots=True)
class Measured:
    """A run of benchmarks, as far as it has come."""

    results: list[Result] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    """By name, what is wrong with a benchmark that could not be run."""
    waiting: list[str] = field(default_factory=list)
    """The names of those that have not been run yet."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each took, by its first name."""

    def add(self, outcome: Outcome) -> None:
        """Take in, and say, what came of a benchmark."""
        names = outcome.benchmark.names
        self.waiting = [name for name in self.waiting if name not in names]
        self.results += outcome.results
        self.seconds[names[0]] = outcome.seconds
        cpu = "" if outcome.cpu_seconds is None else f", and {outcome.cpu_seconds:.0f} s of CPU"
        _say(f"  {names[0]} took {outcome.seconds:.0f} s{cpu}")
        measured = {result.name for result in outcome.results}
        for name in names:
            if name not in measured:
                self.failures[name] = outcome.problem or "left out, as is said above"
        if outcome.problem is not None:
            _say(f"  {names[0]} is not measured: {outcome.problem}")


def measure(benchmarks: Sequence[Benchmark], keep: Callable[[Measured], None]) -> Measured:
    """Run benchmarks, each in a process of its own and within its limit: a fault of one is no
    reason to lose the hours of the others. First those that are timed, one after the other; then
    the others, as many at a time as there are cores. ``keep`` is given what there is after each of
    them, so that a run that is broken off loses those that were running and no more."""
    measured = Measured(waiting=[name for benchmark in benchmarks for name in benchmark.names])
    first = time.monotonic()
    started = 0

    def begun(benchmark: Benchmark) -> None:
        nonlocal started
        started += 1
        _say(
            f"[{started}/{len(benchmarks)}, {_minutes(time.monotonic() - first)}] "
            f"{', '.join(benchmark.names)}: at most {benchmark.limit_s:g} s"
        )

    for timed, side_by_side in ((True, 1), (False, len(os.sched_getaffinity(0)))):
        some = [benchmark for benchmark in benchmarks if benchmark.timed == timed]
        for outcome in measure_each(some, side_by_side, begun):
            measured.add(outcome)
            keep(measured)
    return measured


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


if __name__ == "__main__":
    raise SystemExit(main())
