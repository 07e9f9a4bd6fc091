"""Has loaded what tasks need, and forks worker processes that share it:
``python -m lineal.workers.fork_server DESCRIPTOR``.

Loading takes a second and some 200 MB, a fork a few milliseconds and what the worker writes, so
that who loses a process has another at once. The server itself never sees a task. It has one
thread: what another one holds at a fork (a lock, half of a change) would stay so in the worker.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import Never

from lineal.workers.process import end_with, outlive_thread, serve, warm_up
from lineal.workers.start import ServerStart, WorkerStart


def _run(control: Connection) -> None:
    """A server's life: ends with the daemon."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start: ServerStart = pickle.loads(control.recv_bytes())  # noqa: S301 - of the daemon
    if not end_with(start.parent):
        return
    sys.path[:] = start.path
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threads = _threads()
    for name in start.warm_up:
        warm_up(name)
        if _threads() != threads:
            control.send_bytes(pickle.dumps(name))
            return
    # A collection that looked through it all would copy it into each worker.
    gc.collect()
    gc.freeze()
    # From here on it sees the daemon's end by itself, and that of a thread of it is none.
    outlive_thread()
    control.send_bytes(pickle.dumps(None))
    while True:
        request = pickle.loads(control.recv_bytes())  # noqa: S301 - as above
        if isinstance(request, WorkerStart):
            control.send_bytes(pickle.dumps(_forked(control, request)))
        else:
            os.kill(request, signal.SIGKILL)
            _, status = os.waitpid(request, 0)
            control.send_bytes(pickle.dumps(os.waitstatus_to_exitcode(status)))


def _threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _forked(control: Connection, start: WorkerStart) -> int:
    """Fork a worker that serves the connection that comes with the request; returns its id."""
    server = os.getpid()
    with Connection(recv_handle(control)) as connection:
        process = os.fork()
        if process == 0:
            control.close()
            _live_as_worker(connection, start, server)
        return process


def _live_as_worker(connection: Connection, start: WorkerStart, server: int) -> Never:
    code = 1
    try:
        serve(connection, start, server)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    # The daemon is gone, and has no use for workers.
    with contextlib.suppress(EOFError, ConnectionError):
        _run(Connection(int(sys.argv[1])))
