"""A real ``lineal bridge`` as a process, and the bus it writes to."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from lineal.lineage.canonical import parse_record
from lineal.lineage.ledger import stored_bytes
from lineal.lineage.record import RecordedStep
from lineal_local.mosquitto import Mosquitto
from lineal_schemas.telemetry import TelemetryGap, TelemetryReadings, parse_stream_message
from tests.lineal_process import LinealProcess, run_lineal

PATIENCE_SECONDS = 180.0


class BridgeProcess:
    """Started with :meth:`start`, any number of times."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(exist_ok=True)

    def ask(self, *arguments: str) -> Any:
        """What a command answers in the bridge's surroundings."""
        done = run_lineal(
            [*arguments, "--json"],
            cwd=self.folder,
            env=self._environment(),
            check=True,
        )
        return orjson.loads(done.stdout)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEAL_")}
        return {**kept, "LINEAL_LOG_FORMAT": "json", **self._variables}

    def start(self, *, wait: bool = True) -> None:
        """With ``wait``, until it says that it is connected."""
        message = self.folder / "said"
        with (self.folder / "log").open("ab") as log, message.open("wb") as out:
            self._process = LinealProcess[bytes](
                ["bridge", "--json"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )
        if wait:
            self.until(lambda: b"\n" in message.read_bytes())

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def resume_if_running(self) -> None:
        """A stopped process can be killed, but not waited for by what it has started."""
        if self.running:
            self.resume()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(180)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, f"it never came\n{self.log()[-3000:]}"
            time.sleep(0.02)

    def events(self, topic: str) -> list[bytes]:
        """The data of all events of a topic."""
        return [data for (data,) in self._rows("events.data", topic)]

    def count(self, topic: str) -> int:
        """How many events are on a topic."""
        return len(self._rows("1", topic))

    def ids(self, topic: str) -> list[str]:
        return [str(identifier) for (identifier,) in self._rows("events.id", topic)]

    def records(self) -> list[RecordedStep]:
        rows = self._ask("SELECT record FROM ledger ORDER BY seq")
        return [step for (row,) in rows for step in parse_record(stored_bytes(row)).recorded()]

    def stream(self, device: str = "pump-1", boot: str | None = None) -> list[tuple[int, int, str]]:
        """What the bus has of a device's readings: first, last and kind, by their numbers."""
        data = self.events(TelemetryReadings.type) + self.events(TelemetryGap.type)
        message = [parse_stream_message(one) for one in data]
        return sorted(
            (one.first_seq, one.last_seq, one.kind)
            for one in message
            if one.device == device and boot in (None, one.boot_id)
        )

    def _rows(self, column: str, topic: str) -> list[tuple[bytes]]:
        return self._ask(
            f"SELECT {column} FROM topics JOIN partitions ON partitions.topic = topics.id "
            "JOIN events ON position >= partitions.id << 40 "
            "AND position < (partitions.id + 1) << 40 WHERE topics.name = ? ORDER BY position",
            topic,
        )

    def _ask(self, sql: str, *values: str) -> list[tuple[bytes]]:
        if not (self.data / "lineal.db").exists():
            return []
        connection = sqlite3.connect(self.data / "lineal.db", timeout=60)
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError:
            return []  # no tables yet
        finally:
            connection.close()


def complete(stream: list[tuple[int, int, str]], acked_through: int) -> bool:
    """Whether a stream covers 1 to ``upto``, each number exactly once."""
    expected = 1
    for first, last, _ in stream:
        if first != expected:
            raise AssertionError(f"{first} follows {expected - 1}")
        expected = last + 1
    return expected > acked_through


def secure(broker: Mosquitto) -> dict[str, str]:
    """Settings of a bridge that proves who it is."""
    identity = broker.client("bridge")
    return {
        "LINEAL_MQTT__URL": f"mqtts://localhost:{broker.tls_port}",
        "LINEAL_MQTT__CA": str(broker.ca_file),
        "LINEAL_MQTT__CERTIFICATE": str(identity.certificate),
        "LINEAL_MQTT__KEY": str(identity.key),
        "LINEAL_LEASE_SECONDS": "3",
    }
