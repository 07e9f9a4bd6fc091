"""What every local server can do: start in a folder of its own, stop, be killed and come back."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from lineal_local.process import ServerProcess


class LocalServer(ABC):
    """One or several processes, counted from 0, and the temporary folder they keep data in.

    `start` raises Unavailable when the machine lacks something, StartFailed when a process does
    not come up. Also a context manager.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self._directory: Path | None = None
        self._processes: list[ServerProcess] = []

    @abstractmethod
    def _prepare(self) -> None:
        """Raise Unavailable, or find what `_make` needs. Nothing exists yet."""

    @abstractmethod
    def _make(self, directory: Path) -> list[ServerProcess]:
        """The processes, not started, after everything they read was written to `directory`."""

    @property
    def directory(self) -> Path:
        """Where data and logs are; RuntimeError before `start` and after `stop`."""
        if self._directory is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._directory

    @property
    def logs(self) -> list[Path]:
        return [process.log for process in self._processes]

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self._processes]

    @property
    def running(self) -> list[bool]:
        """Which processes are there, paused ones included."""
        return [process.running for process in self._processes]

    def start(self) -> None:
        """Return when every process serves clients."""
        if self._directory is not None:
            raise RuntimeError(f"{self.name} is started already")
        self._prepare()
        self._directory = Path(tempfile.mkdtemp(prefix=f"lineal-{self.name}-"))
        try:
            self._processes = self._make(self._directory)
            for process in self._processes:
                process.launch()
            for process in self._processes:
                process.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill every process and delete all data."""
        for number in range(len(self._processes)):
            self.kill(number)
        self._processes = []
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def kill(self, number: int = 0) -> None:
        """kill -9: nothing is flushed, nobody is told."""
        self._process(number).kill()

    def shut_down(self, number: int = 0, seconds: float = 30) -> None:
        """SIGTERM, and kill -9 after `seconds`. The data stays for `restart`."""
        self._process(number).stop(seconds)

    def restart(self, number: int = 0) -> None:
        """Start a process again (killing it first if it runs) on the same ports and data."""
        self.kill(number)
        self._process(number).start()

    def pause(self, number: int = 0) -> None:
        """SIGSTOP: connections stay open, nothing is answered until `resume`."""
        self._process(number).pause()

    def resume(self, number: int = 0) -> None:
        self._process(number).resume()

    def mend(self) -> None:
        """Bring back every process that was killed or paused."""
        dead = [process for process in self._processes if not process.running]
        for process in self._processes:
            process.resume()
        for process in dead:
            process.launch()
        for process in dead:
            process.wait_until_ready()

    def _process(self, number: int) -> ServerProcess:
        if not self._processes:
            raise RuntimeError(f"{self.name} is not started")
        return self._processes[number]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
