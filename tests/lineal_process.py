"""A ``lineal`` process, forked from one that has loaded it (:mod:`tests.loaded_lineal`)."""

from __future__ import annotations

import atexit
import os
import pickle
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, AnyStr, Literal, overload

from tests.loaded_lineal import MAX_REQUEST_BYTES, Request

_ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 180.0
_Stream = int | IO[Any] | None


class _Loaded:
    """The process that is forked from, one for each process of tests."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.loaded_lineal", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], cwd=_ROOT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self._process.kill)

    def fork(self, request: Request, descriptors: list[int]) -> int:
        """Fork a process with these for standard streams; returns its id."""
        with self._turn:
            socket.send_fds(self._control, [pickle.dumps(request)], descriptors)
            return self._answer()

    def take_note_of_end(self, process: int) -> int:
        """The status of a process that has ended, as of waitpid(2)."""
        with self._turn:
            self._control.send(pickle.dumps(process))
            return self._answer()

    def _answer(self) -> int:
        answer = self._control.recv(MAX_REQUEST_BYTES)
        if not answer:
            raise AssertionError("tests.loaded_lineal ended")
        return int(pickle.loads(answer))


_loaded = cache(_Loaded)


class LinealProcess(subprocess.Popen[AnyStr]):
    """As ``subprocess.Popen([sys.executable, "-m", module, *arguments], ...)``, without the seconds
    that loading takes. Where ``env`` says what Python itself does otherwise, it is
    started like this.
    """

    def __init__(
        self,
        arguments: list[str],
        *,
        module: str = "lineal_cli.main",
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: _Stream = None,
        stdout: _Stream = None,
        stderr: _Stream = None,
        text: bool = False,
    ) -> None:
        environment = dict(os.environ if env is None else env)
        self._request: Request | None = None
        if _of_python(environment) == _of_python(os.environ):
            folder = str(Path(cwd or os.curdir).absolute())
            self._request = Request(module, arguments, folder, environment)
        super().__init__(
            [sys.executable, "-m", module, *arguments], cwd=cwd, env=environment,
            stdin=stdin, stdout=stdout, stderr=stderr, text=text,
        )  # type: ignore[call-overload, misc, unused-ignore]  # fmt: skip

    def _execute_child(self, *arguments: Any) -> None:
        if self._request is None:
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        pipes = arguments[10:16]
        reading, _, _, writing, _, saying = pipes
        streams = [reading, writing, saying]
        given = [one if one != -1 else number for number, one in enumerate(streams)]
        self.pid = _loaded().fork(self._request, given)
        self._ended = os.pidfd_open(self.pid)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _try_wait(self, flags: int) -> tuple[int, int]:
        if self._request is None:
            found: tuple[int, int] = super()._try_wait(flags)  # type: ignore[misc]
            return found
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        if not poll.poll(0 if flags & os.WNOHANG else None):
            return 0, 0
        status = _loaded().take_note_of_end(self.pid)
        os.close(self._ended)
        return self.pid, status

    def _internal_poll(self, *arguments: Any, **options: Any) -> int | None:
        if self._request is None:
            code: int | None = super()._internal_poll(*arguments, **options)  # type: ignore[misc]
            return code
        if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
            try:
                if self.returncode is None:
                    process, status = self._try_wait(os.WNOHANG)
                    if process:
                        self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


@overload
def run_lineal(
    arguments: list[str],
    *,
    text: Literal[True],
    input: str = "",
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = PATIENCE_SECONDS,
    check: bool = False,
) -> subprocess.CompletedProcess[str]: ...


@overload
def run_lineal(
    arguments: list[str],
    *,
    input: bytes = b"",
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = PATIENCE_SECONDS,
    check: bool = False,
) -> subprocess.CompletedProcess[bytes]: ...


def run_lineal(
    arguments: list[str],
    *,
    text: bool = False,
    input: str | bytes | None = None,
    timeout: float = PATIENCE_SECONDS,
    check: bool = False,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """As ``subprocess.run([sys.executable, "-m", "lineal_cli.main", *arguments], ...)`` with
    ``capture_output=True``."""
    pipe = subprocess.PIPE
    with LinealProcess[Any](
        arguments, text=text, stdin=pipe, stdout=pipe, stderr=pipe, **options
    ) as process:
        try:
            out, err = process.communicate(input, timeout)
        finally:
            process.kill()
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done
