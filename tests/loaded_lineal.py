"""``lineal``, loaded once: a process that forks itself for each command or other program of
``lineal``'s modules that a test runs.

``python -m tests.loaded_lineal DESCRIPTOR``, for :mod:`tests.lineal_process`. Loading Python,
the libraries and all plug-ins is most of what a command costs. What it does is the same, with the
standard streams, environment and folder that it is given.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import pickle
import runpy
import signal
import socket
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

MAX_REQUEST_BYTES = 100_000
_BUSES_AND_STORES = (
    "lineal.bus.kafka.bus", "lineal.bus.aws.bus", "lineal.store.postgres.store", "lineal.store.s3",
)  # fmt: skip
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Request(NamedTuple):
    """A program; its standard input, output and error come with it as descriptors."""

    module: str
    """As ``python -m`` runs it."""
    arguments: list[str]
    folder: str
    environment: dict[str, str]


def _load() -> None:
    """What ``lineal up`` loads, and the modules of all commands."""
    from lineal.plugins import plugins
    from lineal_cli.main import commands

    for group in sorted(name for name in entry_points().groups if name.startswith("lineal.")):
        plugins(group)
    targets = [command.target.partition(":")[0] for command in commands().values()]
    for module in (*targets, *_BUSES_AND_STORES):
        importlib.import_module(module)


def _next_command(control: socket.socket) -> Request | None:
    """Serve requests; returns one in each process that is forked for it, None at the end."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_REQUEST_BYTES, 3)
        if not message:
            return None
        request: Request | int = pickle.loads(message)
        if isinstance(request, int):
            _, status = os.waitpid(request, 0)
            control.send(pickle.dumps(status))
            continue
        process = os.fork()
        if process == 0:
            control.close()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return request
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(pickle.dumps(process))


def _standard_streams() -> None:
    """As Python makes them at its start: those there are know what they wrote to before, as a file
    that can be sought in."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8", closefd=False)  # type: ignore[misc]
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = io.TextIOWrapper(
            os.fdopen(number, "wb", buffering=0 if unbuffered else -1, closefd=False),
            encoding="utf-8",
            errors="backslashreplace" if number == 2 else "strict",
            newline="\n",
            line_buffering=number == 2 or os.isatty(number),
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _become(request: Request) -> None:
    """As if Python had been started with it."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    _standard_streams()
    sys.path[0] = request.folder
    sys.argv = [request.module, *request.arguments]


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    given = dict(os.environ)
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    _load()
    os.environ.clear()
    os.environ.update(given)
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, "what has threads cannot be forked"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.collect()
    gc.freeze()
    if (request := _next_command(control)) is not None:
        _become(request)
        if request.module in sys.modules:
            sys.modules[request.module].main()
        else:
            runpy.run_module(request.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
