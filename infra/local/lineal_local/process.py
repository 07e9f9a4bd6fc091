"""One server process: started, waited for, killed for sure, its output kept."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Holds the read end of a pipe whose only writer is the process that started the server. When that
# process is gone, kill -9 included, the read returns and the server's whole group is killed.
# (PR_SET_PDEATHSIG would fire when the starting *thread* ends, and exists on Linux only.)
_WATCHER = "read -r _; kill -9 -$1"


class StartFailed(RuntimeError):
    """A server ended or did not answer in time. The message ends with the tail of its log."""


class ServerProcess:
    """A server in a process group of its own; its output is appended to `log`.

    `ready` is asked until it returns True; it may raise OSError for "not yet". `user` runs the
    server as another user, which only root can do.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        user: str | None = None,
        seconds: float = 60,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(word) for word in command]
        self._ready = ready
        self._environment = dict(environment or {})
        self._directory = directory
        self._user = user
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id, raising RuntimeError when the server was never started."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    def launch(self) -> None:
        """Start the server without waiting for it to answer."""
        if self.running:
            raise RuntimeError(f"{self.name} is running already")
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
                cwd=self._directory,
                start_new_session=True,
                user=self._user,
                group=group_of(self._user),
                extra_groups=[] if self._user else None,
            )
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "watcher", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        """Return when the server answers; StartFailed when it ends or takes too long."""
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            if not self.running:
                code = self._process.returncode if self._process else None
                self.kill()
                raise StartFailed(f"{self.name} ended with code {code}\n{self.tail()}")
            with contextlib.suppress(OSError):
                if self._ready():
                    return
            time.sleep(0.05)
        self.kill()
        raise StartFailed(f"{self.name} did not answer in {self._seconds:g} s\n{self.tail()}")

    def start(self) -> None:
        self.launch()
        self.wait_until_ready()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def pause(self) -> None:
        """SIGSTOP: the server keeps its connections and answers nothing until `resume`."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def stop(self, seconds: float = 20, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask the server to end, and kill it when it has not after `seconds`."""
        self.send(number)
        self.send(signal.SIGCONT)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole process group; returns when the server is gone."""
        if self._process is None:
            return
        self.send(signal.SIGKILL)
        self._process.wait()
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None

    def tail(self, lines: int = 30) -> str:
        """The last lines of the server's log."""
        return tail(self.log, lines)


def group_of(user: str | None) -> int | None:
    """The user's own group; None for nobody in particular."""
    return pwd.getpwnam(user).pw_gid if user else None


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log; an empty string when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
