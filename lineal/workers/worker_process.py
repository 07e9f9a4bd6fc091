"""One worker process, from its start to its end, and one that is ready before it is needed."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, NamedTuple, Self

from lineal.workers.answers import UnreadableAnswer, decode, decode_error
from lineal.workers.errors import WorkerCrashed
from lineal.workers.readable import readable
from lineal.workers.sandbox import clean_environment
from lineal.workers.start import WorkerStart

MAX_ANSWER_BYTES = 2 << 30
_START_SECONDS = 120.0
_ONE_THREAD = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""For engines that would otherwise start a thread per core in each worker."""


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """How processes are started: see :class:`lineal.workers.pool.WorkerPool`."""

    memory_bytes: int | None = None
    warm_up: tuple[str, ...] = ()
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
        started: called with the process once there is one to be killed.

    Raises:
        WorkerCrashed: it did not start.
        OSError: no process can be made.
    """

    def __init__(
        self,
        options: ProcessOptions,
        started: Callable[[subprocess.Popen[bytes]], None] = lambda _: None,
    ) -> None:
        self._started = _Started.now(options)
        self._sandbox = options.sandbox
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        environment: dict[str, str] = {**_ONE_THREAD, **os.environ}
        start = WorkerStart(sys.path, options.memory_bytes, options.warm_up)
        if options.sandbox:
            self._scratch = tempfile.TemporaryDirectory(
                prefix="lineal-worker-", ignore_cleanup_errors=True
            )
            environment = clean_environment(environment, Path(self._scratch.name))
            allowed = readable(environment)
            start = start._replace(
                scratch=self._scratch.name,
                readable=allowed._replace(
                    trees=(*allowed.trees, *map(str, options.trees)),
                    named=tuple(map(str, options.named)),
                ),
            )
        self.connection, theirs = Pipe()
        with theirs:
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lineal.workers.process", str(descriptor)],
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        self.pid = self._process.pid
        started(self._process)
        try:
            self.connection.send_bytes(pickle.dumps(start))
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
        """Whether it runs, and one that is started now would be no other."""
        return self._process.poll() is None and self._started == _Started.now(options)

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

    def stop(self) -> None:
        self._process.kill()

    def end(self) -> int:
        """End it; returns its exit code."""
        self.connection.close()
        self._process.kill()
        code = self._process.wait()
        if self._scratch is not None:
            self._scratch.cleanup()
        return code


class SpareProcess:
    """Keeps one process ready, so that who loses its own waits for none to start.

    Args:
        options: how processes are started now.
        delay: seconds until there is one: until then those that work have the processor.
    """

    def __init__(self, options: Callable[[], ProcessOptions], delay: float) -> None:
        self._options = options
        self._delay = delay
        self._changed = threading.Condition()
        self._wanted = False
        self._closing = False
        self._starting: subprocess.Popen[bytes] | None = None
        self._ready: WorkerProcess | None = None
        self._thread = threading.Thread(target=self._keep, name="worker-spare", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self) -> WorkerProcess | None:
        """The process that is ready, if there is one; another one is started."""
        with self._changed:
            taken, self._ready = self._ready, None
            self._wanted = True
            self._changed.notify()
        if taken is not None and not taken.fits(self._options()):
            taken.end()
            return None
        return taken

    @property
    def process_id(self) -> int | None:
        """Of the process that is ready; None if there is none."""
        ready = self._ready
        return None if ready is None else ready.pid

    def close(self) -> None:
        """End it, also while it starts."""
        with self._changed:
            self._closing = True
            if self._starting is not None:
                self._starting.kill()
            self._changed.notify()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _keep(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._wanted, self._delay)
        while not self._closing:
            with contextlib.suppress(OSError, WorkerCrashed):
                made = WorkerProcess(self._options(), self._has_started)
                with self._changed:
                    self._ready = made
            with self._changed:
                self._starting = None
                # Where none can be started, the next is tried when one is wanted again.
                self._wanted = False
                self._changed.wait_for(lambda: self._closing or self._wanted)
        if self._ready is not None:
            self._ready.end()

    def _has_started(self, process: subprocess.Popen[bytes]) -> None:
        with self._changed:
            self._starting = process
            if self._closing:
                process.kill()


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
