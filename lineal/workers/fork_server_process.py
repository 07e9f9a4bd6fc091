"""The process that workers are forked from, as the daemon has it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Any

import structlog

from lineal.workers.errors import WorkerCrashed
from lineal.workers.sandbox import clean_environment
from lineal.workers.start import ServerStart, WorkerStart

log = structlog.get_logger(__name__)

_START_SECONDS = 120.0
_ONE_THREAD = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""For engines that would otherwise start a thread per core, which no fork has."""
_SEES_THREADS = sys.platform == "linux"
"""Whether a process can tell how many threads it has."""


class ForkServer:
    """Started when the first worker is wanted, and anew where it has died. Any thread may call.

    Args:
        warm_up: ``module:function`` names to call before the first fork, or where that leaves
            threads behind, in each worker.
        sandbox: whether it is without what the daemon's environment holds.
    """

    def __init__(self, warm_up: tuple[str, ...], *, sandbox: bool) -> None:
        self._warm_up = warm_up
        self._sandbox = sandbox
        self._turn = threading.Lock()
        """Of who waits for an answer."""
        self._change = threading.Lock()
        """Of who starts or ends the process."""
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Connection | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._of_each_worker: tuple[str, ...] = () if _SEES_THREADS else warm_up
        self._workers: set[int] = set()
        """Those that nobody has waited for: their ids are no other process's."""
        self._closed = False

    def fork(self, start: WorkerStart, connection: Connection) -> int:
        """Fork a worker; returns its process id.

        Args:
            connection: what it gets its tasks by.

        Raises:
            WorkerCrashed: the server did not start, or died.
            OSError: no process can be made.
        """
        with self._turn:
            control = self._started()
            start = start._replace(warm_up=self._of_each_worker)
            try:
                control.send_bytes(pickle.dumps(start))
                send_handle(control, connection.fileno(), None)
                process = int(self._answer(control))
            except (EOFError, ConnectionError) as error:
                self._end()
                raise WorkerCrashed("the process that workers are forked from died") from error
            self._workers.add(process)
            if self._closed:
                _kill(process)
            return process

    def end(self, process: int) -> int:
        """Kill a worker, if it has not ended; returns its exit code."""
        with self._turn:
            self._workers.discard(process)
            if self._control is not None:
                with contextlib.suppress(EOFError, ConnectionError):
                    self._control.send_bytes(pickle.dumps(process))
                    return int(self._answer(self._control))
            return -signal.SIGKILL  # it ended with the server

    def close(self) -> None:
        """End the workers, whatever they do. No other is started."""
        with self._change:
            self._closed = True
            if self._control is not None:
                for process in tuple(self._workers):
                    _kill(process)
            elif self._process is not None:
                self._process.kill()  # it still loads

    def join(self) -> None:
        """After :meth:`close`, and when all workers are ended: end the server itself."""
        with self._turn:
            self._end()

    def _started(self) -> Connection:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        while self._control is None:
            control = self._start()
            try:
                threaded = self._answer(control, _START_SECONDS)
            except (EOFError, ConnectionError) as error:
                self._end()
                message = "the process that workers are forked from did not start"
                raise WorkerCrashed(message) from error
            if threaded is None:
                self._control = control
            else:
                log.info("workers.threads_at_start", warm_up=threaded, then="in each worker")
                self._of_each_worker = (*self._of_each_worker, threaded)
                control.close()
                self._end()
        return self._control

    def _start(self) -> Connection:
        environment = {**_ONE_THREAD, **os.environ}
        if self._sandbox:
            self._scratch = tempfile.TemporaryDirectory(
                prefix="lineal-workers-", ignore_cleanup_errors=True
            )
            environment = clean_environment(environment, Path(self._scratch.name))
        control, theirs = Pipe()
        with theirs, self._change:
            if self._closed:
                raise WorkerCrashed("the worker pool is closed")
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lineal.workers.fork_server", str(descriptor)],
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        shared = tuple(name for name in self._warm_up if name not in self._of_each_worker)
        control.send_bytes(pickle.dumps(ServerStart(os.getpid(), sys.path, shared)))
        return control

    @staticmethod
    def _answer(control: Connection, seconds: float | None = None) -> Any:
        if not control.poll(seconds):
            raise EOFError
        return pickle.loads(control.recv_bytes())  # noqa: S301 - it sees no task

    def _end(self) -> None:
        control, self._control = self._control, None
        self._workers.clear()
        if control is not None:
            control.close()
        with self._change:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may end with the server meanwhile
        os.kill(process, signal.SIGKILL)
