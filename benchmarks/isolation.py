"""Runs a benchmark in a process of its own, within a time limit.

What one leaves behind (threads, servers, memory, settings of the environment) is not measured with
the next, and one that hangs ends with everything that it has started.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import psutil

from benchmarks.measurement import Benchmark, Result

_FINISHING_SECONDS = 5
"""For a process that has sent its results, to end by itself."""
_ENDING_SECONDS = 15


class NotMeasuredError(Exception):
    """A benchmark has no results; says why."""


class Outcome(NamedTuple):
    """What came of a benchmark."""

    benchmark: Benchmark
    results: Sequence[Result]
    problem: str | None
    """Why there are no results."""
    seconds: float
    cpu_seconds: float | None
    """Of its process and of those that this has waited for; None where it did not answer."""


def measure_each(
    benchmarks: Sequence[Benchmark], side_by_side: int, begun: Callable[[Benchmark], None]
) -> Iterator[Outcome]:
    """Run each benchmark in a process that is forked for it, so many at a time.

    Whatever a benchmark came to, nothing of it runs any more when its outcome is there. That it
    failed, ended without results, measured nothing or took longer than its limit is its problem.

    Args:
        begun: is told of each benchmark as it begins.
    """
    waiting, running = list(benchmarks), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < side_by_side:
                begun(waiting[0])
                running.append(_Running(waiting.pop(0)))
            until = min(one.limit_at for one in running)
            answering = wait([one.answer for one in running], max(0.0, until - time.monotonic()))
            for one in list(running):
                if one.answer in answering or one.limit_at <= time.monotonic():
                    running.remove(one)
                    yield one.outcome(one.answer in answering)
    finally:
        for one in running:
            one.end(0)


def measure_alone(benchmark: Benchmark) -> Sequence[Result]:
    """The results of one benchmark.

    Raises:
        NotMeasuredError: it has none.
    """
    [outcome] = measure_each([benchmark], 1, lambda _: None)
    if outcome.problem is not None:
        raise NotMeasuredError(outcome.problem)
    return outcome.results


class _Running:
    """A benchmark in its process."""

    def __init__(self, benchmark: Benchmark) -> None:
        forked = multiprocessing.get_context("fork")
        self.benchmark = benchmark
        self.answer, sending = forked.Pipe(duplex=False)
        self._process = forked.Process(target=_measure, args=(benchmark, sending))
        self._process.start()
        sending.close()
        self._begun = time.monotonic()
        self.limit_at = self._begun + benchmark.limit_s

    def outcome(self, answering: bool) -> Outcome:
        """What has come of it; it has ended then."""
        results: Sequence[Result] = ()
        cpu_seconds = None
        try:
            if answering:
                results, problem, cpu_seconds = self.answer.recv()
            else:
                limit_s = self.benchmark.limit_s
                problem = f"it took longer than its limit of {limit_s:g} s, and was ended"
        except EOFError:
            self._process.join(_ENDING_SECONDS)
            problem = f"its process ended early, with {self._process.exitcode}"
        self.end(_FINISHING_SECONDS if answering else 0)
        seconds = time.monotonic() - self._begun
        return Outcome(self.benchmark, results, problem, seconds, cpu_seconds)

    def end(self, finishing_s: float) -> None:
        """End it, with all that it has started."""
        _end(self._process, finishing_s)
        self.answer.close()


def _measure(benchmark: Benchmark, sending: Connection) -> None:
    os.setsid()
    results: Sequence[Result] = ()
    problem = None
    try:
        results = benchmark.measure()
        if not results:
            problem = "skipped, as is said above"
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    sending.send((results, problem, sum(one.ru_utime + one.ru_stime for one in used)))


def _end(process: BaseProcess, finishing_s: float) -> None:
    """End a process, and all that it has started.

    One that is still measuring is interrupted, so that it stops its servers itself, and prints
    where it was. What is left after that is killed.
    """
    assert process.pid is not None
    left = _below(process.pid)
    process.join(finishing_s)
    if process.exitcode is None:
        os.kill(process.pid, signal.SIGINT)
        process.join(_ENDING_SECONDS)
    left |= _below(process.pid)
    if process.exitcode is None:
        process.kill()
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.join(_ENDING_SECONDS)
    until = time.monotonic() + _ENDING_SECONDS
    while any(map(_runs, left)) and time.monotonic() < until:
        time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    """Whether it has not ended; whoever is to read how it ended may not have done so yet."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _below(pid: int) -> set[psutil.Process]:
    """The processes that this one started, and those that are left of its session."""
    found = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        found |= set(psutil.Process(pid).children(recursive=True))
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if one.pid != pid and os.getsid(one.pid) == pid:
                found.add(one)
    return found
