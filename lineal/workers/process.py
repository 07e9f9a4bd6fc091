"""A worker process's life, from its fork to its end."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import pickle
import resource
import signal
import tempfile
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lineal.workers.answers import encode, encode_error
from lineal.workers.errors import WorkerError
from lineal.workers.limits import BEGUN
from lineal.workers.memory import release_memory
from lineal.workers.sandbox import enter, home_in
from lineal.workers.start import WorkerStart

_GC_THRESHOLD = 50_000
"""Allocations between collections. The default of 700 costs a tenth of the time where results are
made of many small objects, like the words of a page."""
_LONG_SECONDS = 0.2
"""Processor time of a task from which it is worth a few milliseconds to return its memory."""
_PR_SET_PDEATHSIG = 1
"""prctl(2); Linux only."""


def end_with(parent: int) -> bool:
    """Have the kernel end this process with the thread that started it, even in the middle of a
    task that hangs; returns whether the parent is still there."""
    _on_death_of_parent(signal.SIGKILL)
    return os.getppid() == parent


def outlive_thread() -> None:
    """Take :func:`end_with` back."""
    _on_death_of_parent(0)


def _on_death_of_parent(number: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _sendable(error: BaseException) -> Exception:
    """What is raised in the daemon for an error in a worker: the error itself where that can be,
    with where it came from as a note."""
    if isinstance(error, MemoryError):
        return MemoryError()
    place = "".join(traceback.format_exception(error))
    # A SystemExit would end the daemon, and a future does not take a StopIteration.
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        error.__cause__ = error.__context__ = None
        with contextlib.suppress(Exception):
            error.add_note(f"In the worker process:\n{place}")
            pickle.loads(pickle.dumps(error))  # noqa: S301 - what was dumped the moment before
            return error
    failure = WorkerError(f"{type(error).__name__}: {error}")
    failure.add_note(f"In the worker process:\n{place}")
    return failure


def warm_up(name: str) -> None:
    """Call ``module:function``. This only saves time: an error here is ignored, since the task that
    needs it fails with it again."""
    module, _, function = name.partition(":")
    with contextlib.suppress(Exception):
        getattr(importlib.import_module(module), function)()


def serve(connection: Connection, start: WorkerStart, parent: int) -> None:
    """Carry out the tasks that come, until the daemon is gone.

    Args:
        parent: the id of the process that this one was forked from, and ends with.
    """
    if not end_with(parent):
        return
    if start.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (start.memory_bytes, start.memory_bytes))
    if start.scratch is not None:
        os.environ.update(home_in(Path(start.scratch)))
        tempfile.tempdir = None
        # Before any thread is started: those that come are in it too.
        enter(Path(start.scratch), start.readable)
    for name in start.warm_up:
        warm_up(name)
    # What the engines keep for good is not looked through again at every collection.
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    answer = _answer_with_data if start.scratch is not None else _answer_with_objects
    with contextlib.suppress(ConnectionError):
        answer(connection, True, True, 0.0)
    while True:
        try:
            function, arguments = pickle.loads(connection.recv_bytes())  # noqa: S301 - as above
        except (EOFError, ConnectionError):
            return
        except Exception as error:  # a function or argument that cannot be unpickled
            answer(connection, False, _sendable(error), 0.0)
            continue
        try:
            connection.send_bytes(BEGUN)
        except ConnectionError:
            return
        began = time.process_time()
        try:
            succeeded, value = True, function(*arguments)
        except BaseException as error:
            succeeded, value = False, _sendable(error)
        used = time.process_time() - began
        if used > _LONG_SECONDS:
            release_memory()
        try:
            answer(connection, succeeded, value, used)
        except (EOFError, ConnectionError):
            return
        except Exception as error:
            answer(connection, False, WorkerError(f"the result cannot be sent: {error}"), used)


def _answer_with_objects(connection: Connection, succeeded: bool, value: Any, used: float) -> None:
    connection.send_bytes(pickle.dumps((succeeded, value, used)))


def _answer_with_data(connection: Connection, succeeded: bool, value: Any, used: float) -> None:
    if not succeeded:
        try:
            value = encode_error(value)
            encode(value)
        except TypeError:
            failure = WorkerError(f"{type(value).__name__}: {value}")
            for note in getattr(value, "__notes__", ()):
                failure.add_note(note)
            value = encode_error(failure)
    connection.send_bytes(encode((succeeded, value, used)))
