"""Real ``lineal`` processes on a folder of their own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.lineal_process import PATIENCE_SECONDS, LinealProcess, run_lineal


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
    return kept | {"LINEAL_WORKERS": "1", "LINEAL_DURABILITY": "normal"}


def lineal(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and wait for its end."""
    return run_lineal(list(arguments), cwd=folder, env=environment(), text=True, input=stdin)


class Running:
    """A daemon that prints JSON lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def line(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next line that is wanted; those before it are gone."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            if not line:
                raise AssertionError(f"it ended with exit code {self.process.wait()}")
            value: dict[str, Any] = orjson.loads(line)
            if wanted(value):
                return value

    def outcome(self, name: str) -> dict[str, Any]:
        """How a document ended."""
        return self.line(lambda line: line.get("name") == name)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")


@contextmanager
def running(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    """A daemon, killed at the end if it still runs."""
    with LinealProcess[bytes](
        [*arguments, "--json"],
        cwd=folder,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=(folder / f"{arguments[0]}.log").open("ab"),
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()
