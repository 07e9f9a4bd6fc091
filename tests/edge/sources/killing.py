"""An agent in a process of its own, which is killed; and what its outbox holds afterwards."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lineal_edge.outbox import Outbox
from lineal_edge.rows import ReadingRow

HEAD = """
device = "pump-1"
data = "{data}"
broker = {{ host = "127.0.0.1", port = 9 }}
scoring = {{ enabled = false }}
update = {{ enabled = false }}
outbox = {{ commit_rows = 7, commit_seconds = 0.05 }}

[source]
"""


class KilledAgent:
    """``lineal-edge run`` without a broker: all that it takes stays in its outbox."""

    def __init__(self, folder: Path, source: str) -> None:
        self._folder = folder
        self._data = folder / "agent"
        self._settings = folder / "agent.toml"
        self._settings.write_text(HEAD.format(data=self._data) + source)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> KilledAgent:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        with (self._folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lineal_edge", "run", "--settings", str(self._settings)],
                stderr=log,
            )

    def kill(self) -> None:
        """kill -9, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wait(self, rows: int) -> None:
        """Until so many readings are on the disk."""
        self.until(lambda: self.rows() >= rows)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 180
        while not condition():
            assert time.monotonic() < end, self.log()[-3000:]
            assert self._process is None or self._process.poll() is None, self.log()[-3000:]
            time.sleep(0.02)

    def log(self) -> str:
        return (self._folder / "agent.log").read_text()

    def rows(self) -> int:
        try:
            connection = sqlite3.connect(f"file:{self._data}/outbox.db?mode=ro", uri=True)
            try:
                return int(connection.execute("SELECT count(*) FROM stream").fetchone()[0])
            finally:
                connection.close()
        except sqlite3.OperationalError:
            return 0  # not there yet

    def readings(self) -> list[ReadingRow]:
        """All that was taken, in order; after a kill."""
        outbox = Outbox(self._data / "outbox.db", device="pump-1", features=("none",))
        try:
            rows = outbox.stream_after(0, 1_000_000)
        finally:
            outbox.close()
        taken = [row for row in rows if isinstance(row, ReadingRow)]
        assert len(taken) == len(rows), "a gap"
        return taken

    def values(self) -> list[tuple[float, ...]]:
        return [row.values for row in self.readings()]
