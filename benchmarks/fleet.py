"""10,000 devices and three bridges that share them, on Kafka and Postgres; one is killed.

Each bridge has a data folder of its own, as on machines of their own: that one is dead shows by
its lease alone. Brokers, database, bridges and the publisher share the machine's cores, so what a
bridge takes is told by its CPU time as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer

from benchmarks.measurement import LINEAL, Benchmark, Result
from benchmarks.telemetry import QUEUES, ROWS, publishing, write_messages
from lineal_local.kafka import Kafka
from lineal_local.mosquitto import Mosquitto
from lineal_local.postgres import Postgres
from lineal_schemas.telemetry import TelemetryReadings

_DEVICES, _MESSAGES, _BRIDGES = 10_000, 5, 3
_LEASE_SECONDS = 10.0
_PATIENCE = 300.0


class _BridgeOfFleet:
    """A bridge as a process with a data folder of its own."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._log = folder.with_suffix(".log")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(LINEAL), "bridge"],
                env={**os.environ, **variables, "LINEAL_DATA": str(folder)},
                cwd=folder.parent,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._usage = psutil.Process(self.process.pid)

    @property
    def connected(self) -> int:
        """How many shares it has taken so far."""
        return self._log.read_text(errors="replace").count('"bridge.connected"')

    def cpu_seconds(self) -> float:
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def megabytes(self) -> float:
        return float(self._usage.memory_info().rss) / 1e6


def _wait(condition: Callable[[], bool]) -> float:
    """Wait until it is so; the seconds that took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > _PATIENCE:
            raise RuntimeError("it never came")
        time.sleep(0.02)
    return time.monotonic() - begun


@contextlib.contextmanager
def _bridges(folder: Path, variables: dict[str, str]) -> Iterator[list[_BridgeOfFleet]]:
    bridges = [_BridgeOfFleet(folder / f"bridge-{n}", variables) for n in range(_BRIDGES)]
    try:
        _wait(lambda: all(bridge.connected for bridge in bridges))
        yield bridges
    finally:
        for bridge in bridges:
            bridge.process.send_signal(signal.SIGTERM)
        for bridge in bridges:
            bridge.process.wait()


@contextlib.asynccontextmanager
async def _counting(kafka: Kafka, topic: str) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Counts committed events as they come; called with how many there have to be at least."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    seen = 0

    async def count(wanted: int) -> int:
        nonlocal seen
        end = time.monotonic() + _PATIENCE
        while True:
            found = await consumer.getmany(timeout_ms=200, max_records=10_000)
            seen += sum(map(len, found.values()))
            if seen >= wanted:
                return seen
            if time.monotonic() > end:
                raise RuntimeError(f"{seen} of {wanted} batches came")

    try:
        yield count
    finally:
        await consumer.stop()


async def _run(
    folder: Path, broker: Mosquitto, kafka: Kafka, postgres: Postgres
) -> Sequence[Result]:
    prefix = f"b{uuid.uuid4().hex[:8]}."
    variables = {
        "LINEAL_MQTT__URL": f"mqtt://127.0.0.1:{broker.port}",
        "LINEAL_MQTT__SHARES": str(_BRIDGES),
        "LINEAL_BUS": f"kafka://{kafka.bootstrap}",
        "LINEAL_STORE": postgres.create_database(),
        "LINEAL_KAFKA__PREFIX": prefix,
        "LINEAL_LEASE_SECONDS": str(_LEASE_SECONDS),
        "LINEAL_LOG_FORMAT": "json",
        "LINEAL_WORKERS": "1",
    }
    first = write_messages(folder, _DEVICES, range(_MESSAGES))
    second = write_messages(folder, _DEVICES, range(_MESSAGES, _MESSAGES + 1))
    with _bridges(folder, variables) as bridges:
        async with _counting(kafka, f"{prefix}{TelemetryReadings.type}") as count:
            before = sum(bridge.cpu_seconds() for bridge in bridges)
            begun = time.perf_counter()
            with publishing(broker, first, _DEVICES * _MESSAGES):
                await count(_DEVICES * _MESSAGES)
            took = time.perf_counter() - begun
            cpu = sum(bridge.cpu_seconds() for bridge in bridges) - before
            memory = max(bridge.megabytes() for bridge in bridges)
            killed, *others = bridges
            taken = sum(bridge.connected for bridge in others)
            killed.process.kill()
            death = time.perf_counter()
            with publishing(broker, second, _DEVICES):
                _wait(lambda: sum(bridge.connected for bridge in others) > taken)
                takeover = time.perf_counter() - death
                await count(_DEVICES * (_MESSAGES + 1))
            await asyncio.sleep(2)
            total = await count(0)
    if total != _DEVICES * (_MESSAGES + 1):
        raise RuntimeError(f"{total} batches on the bus, {_DEVICES * (_MESSAGES + 1)} were sent")
    rows = _DEVICES * _MESSAGES * ROWS
    return [
        Result("telemetry.fleet", rows / took, "readings/s on Kafka, 3 bridges", "for the record"),
        Result("telemetry.fleet_process", rows / cpu, "readings/s of a bridge's CPU", ""),
        Result("telemetry.fleet_memory", memory, "MB, the largest bridge", "< 300"),
        Result("telemetry.fleet_takeover", takeover, "s from kill -9, lease of 10 s", "< 15"),
    ]


def _measure() -> Sequence[Result]:
    with (
        tempfile.TemporaryDirectory() as name,
        Mosquitto(settings=QUEUES) as broker,
        Kafka(1) as kafka,
        Postgres() as postgres,
    ):
        return asyncio.run(_run(Path(name), broker, kafka, postgres))


BENCHMARKS = (
    Benchmark(
        (
            "telemetry.fleet",
            "telemetry.fleet_process",
            "telemetry.fleet_memory",
            "telemetry.fleet_takeover",
        ),
        _measure,
        limit_s=600,
    ),
)
