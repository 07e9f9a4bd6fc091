"""One worker process, as the daemon has it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import tempfile
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, NamedTuple, Self

from lineal.workers.answers import UnreadableAnswer, decode, decode_error
from lineal.workers.errors import WorkerCrashed
from lineal.workers.fork_server_process import ForkServer
from lineal.workers.readable import readable
from lineal.workers.start import WorkerStart

MAX_ANSWER_BYTES = 2 << 30
_START_SECONDS = 120.0
_BACKGROUND_NICENESS = 10
"""A tenth of the time of another that wants all of it: sched(7)."""


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """How processes are started: see :class:`lineal.workers.pool.WorkerPool`."""

    memory_bytes: int | None = None
    sandbox: bool = False
    named: tuple[Path, ...] = ()
    """Folders whose files tasks name."""
    trees: tuple[Path, ...] = ()
    """Further files and folders that tasks read."""


class _Started(NamedTuple):
    """What the options came to when a process started."""

    options: ProcessOptions
    found: tuple[tuple[int, int] | None, ...]
    """What the kernel knows each path by (stat(2)): a file that is replaced is another one."""

    @classmethod
    def now(cls, options: ProcessOptions) -> Self:
        paths = (*options.named, *options.trees) if options.sandbox else ()
        return cls(options, tuple(map(_identity, paths)))


class WorkerProcess:
    """A process that is ready for tasks.

    Args:
        options: how it is started.
        server: what it is forked from.

    Raises:
        WorkerCrashed: it did not start.
        OSError: no process can be made.
    """

    def __init__(self, options: ProcessOptions, server: ForkServer) -> None:
        self._started = _Started.now(options)
        self._sandbox = options.sandbox
        self._server = server
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        start = WorkerStart(options.memory_bytes)
        if options.sandbox:
            self._scratch = tempfile.TemporaryDirectory(
                prefix="lineal-worker-", ignore_cleanup_errors=True
            )
            allowed = readable()
            start = start._replace(
                scratch=self._scratch.name,
                readable=allowed._replace(
                    trees=(*allowed.trees, *map(str, options.trees)),
                    named=tuple(map(str, options.named)),
                ),
            )
        self.connection, theirs = Pipe()
        with theirs:
            self.pid = server.fork(start, theirs)
        try:
            ready = (
                self.connection.poll(_START_SECONDS)
                and self.decoded(self.connection.recv_bytes(MAX_ANSWER_BYTES))[0]
            )
        except (EOFError, ConnectionError, UnreadableAnswer):
            ready = False
        if not ready:
            code = self.end()
            raise WorkerCrashed(f"a worker process did not start ({describe_exit(code)})")

    def fits(self, options: ProcessOptions) -> bool:
        """Whether it waits for a task, and one that is started now would be no other."""
        ended = self.connection.poll()
        return not ended and self._started == _Started.now(options)

    def decoded(self, answer: bytes) -> tuple[bool, Any, float]:
        """Whether it succeeded, the result or error, and the seconds of processor time used.

        Raises:
            UnreadableAnswer: it is sandboxed, and the answer is no data.
        """
        if not self._sandbox:
            succeeded, value, used = pickle.loads(answer)  # noqa: S301 - trusted like the daemon
            return bool(succeeded), value, used
        found = decode(answer)
        if not isinstance(found, tuple) or len(found) != 3 or not isinstance(found[2], float):
            raise UnreadableAnswer("a worker's answer is none")
        succeeded, value, used = found
        return bool(succeeded), value if succeeded else decode_error(value), used

    def yield_to_others(self) -> None:
        """Have the kernel give its time to others first. It cannot be taken back: only who may do
        so everywhere may have a process preferred again."""
        # Each thread has a niceness of its own: setpriority(2), "C library/kernel differences".
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                os.setpriority(os.PRIO_PROCESS, int(thread.name), _BACKGROUND_NICENESS)

    def end(self) -> int:
        """End it; returns its exit code."""
        self.connection.close()
        code = self._server.end(self.pid)
        if self._scratch is not None:
            self._scratch.cleanup()
        return code


def describe_exit(code: int | None) -> str:
    """How a process ended, in words."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
