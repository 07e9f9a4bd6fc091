"""Readings from MQTT to the bus, and to their score: how many a second, and how late.

The peer is mosquitto's own C subscriber in place of the bridge: same broker, same messages, same
run. It takes messages and forgets them.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.measurement import LINEAL, Benchmark, Result, against_peer
from benchmarks.mqtt_load import packet
from lineal.bus.protocol import Selection
from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, StepEntry, record_of
from lineal.runtime import open_runtime
from lineal.settings import Settings
from lineal_catalog.models.promotions import MODEL_ROLE, promotion_attributes
from lineal_consumers.retrain.settings import TrainingSettings
from lineal_consumers.retrain.training import train
from lineal_local.mosquitto import Mosquitto
from lineal_schemas.anomalies import AnomalyOpened
from lineal_schemas.envelope import now_us
from lineal_schemas.mqtt_topics import of_all_devices, readings
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import TURBINE_FEATURES, TelemetryReadings

_DEVICES, _MESSAGES, ROWS, _RUNS = 1_000, 20, 20, 3
_TOTAL = _DEVICES * _MESSAGES * ROWS
_CROWD, _SECONDS = 1_000, 20
_MEAN = np.array((-0.00796, 0.00117, -0.10685, 2.15398, 1.61063, 47.79383))
_SPREAD = np.array((0.00749, 0.00428, 0.05, 0.35432, 0.46954, 1.5))
QUEUES = ["max_queued_messages 0", "max_inflight_messages 0"]
_PATIENCE = 120.0


def _batch(device: str, boot: str, number: int, values: Sequence[Sequence[float]]) -> bytes:
    first = number * ROWS + 1
    return payload_bytes(
        TelemetryReadings(
            device=device,
            boot_id=boot,
            first_seq=first,
            last_seq=first + ROWS - 1,
            monotonic_us=first * 50_000,
            wall_us=1_790_000_000_000_000 + first * 50_000,
            features=TURBINE_FEATURES,
            offsets_us=tuple(50_000 * place for place in range(ROWS)),
            values=tuple(map(tuple, values)),
        )
    )


def write_messages(
    folder: Path, devices: int = _DEVICES, messages: range = range(_MESSAGES)
) -> Path:
    """The packets of all devices: each sends a batch, then each the next, and so on.

    Args:
        messages: the numbers of the batches of each device.
    """
    random = np.random.default_rng(2)
    series = (_MEAN + _SPREAD * random.standard_normal((4_100, 6))).round(5).tolist()
    packets: list[bytes] = []
    for message in messages:
        for number in range(devices):
            device = f"turbine-{number}"
            at = (7 * number + 20 * message) % 4_000
            body = _batch(device, "b" * 32, message, series[at : at + ROWS])
            packets.append(packet(readings(device), body, len(packets)))
    file = folder / f"packets-{messages.start}"
    file.write_bytes(b"".join(packets))
    return file


@contextlib.contextmanager
def publishing(
    broker: Mosquitto, packets: Path, count: int = _DEVICES * _MESSAGES
) -> Iterator[None]:
    """Packets on their way, from a process of their own."""
    command = [sys.executable, "-m", "benchmarks.mqtt_load", str(broker.port), str(packets)]
    with subprocess.Popen([*command, str(count)]) as publisher:
        try:
            yield
        finally:
            publisher.kill()


@contextlib.contextmanager
def _lineal(folder: Path, broker: Mosquitto, *stages: str) -> Iterator[Path]:
    """The bridge, and daemons beside it that each run a stage; yields the database."""
    environment = {
        **os.environ,
        "LINEAL_DATA": str(folder / "data"),
        "LINEAL_MQTT__URL": f"mqtt://127.0.0.1:{broker.port}",
        "LINEAL_LOG_LEVEL": "error",
        "LINEAL_WORKERS": "1",
    }
    commands = [[str(LINEAL), "bridge", "--json"]]
    commands += [[str(LINEAL), "run", stage, "--json"] for stage in stages]
    daemons = []
    try:
        for command in commands:
            daemon = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE)
            daemons.append(daemon)
            assert daemon.stdout is not None
            if not daemon.stdout.readline():
                raise RuntimeError(f"{command[1]} did not start")
        yield folder / "data" / "lineal.db"
    finally:
        for daemon in daemons:
            daemon.send_signal(signal.SIGTERM)
        for daemon in daemons:
            daemon.wait()


def _events(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute(
        "SELECT coalesce(sum(next_offset), 0) FROM partitions JOIN topics ON topics.id = topic "
        "WHERE name = 'telemetry.readings'"
    ).fetchone()
    return int(count)


def _wait_for(connection: sqlite3.Connection, count: int) -> None:
    end = time.monotonic() + _PATIENCE
    while _events(connection) < count:
        if time.monotonic() > end:
            raise RuntimeError(f"{_events(connection)} of {count} batches came")
        time.sleep(0.02)


def _bridged() -> float:
    """Readings a second from the first publication until all are on the bus, durably."""
    with tempfile.TemporaryDirectory() as name, Mosquitto(settings=QUEUES) as broker:
        folder = Path(name)
        files = write_messages(folder)
        with _lineal(folder, broker) as database:
            connection = sqlite3.connect(database, timeout=60)
            begun = time.perf_counter()
            with publishing(broker, files):
                _wait_for(connection, _DEVICES * _MESSAGES)
            took = time.perf_counter() - begun
            connection.close()
    return _TOTAL / took


def _subscribed() -> float:
    """The same with mosquitto_sub, which throws them away."""
    with tempfile.TemporaryDirectory() as name, Mosquitto(settings=QUEUES) as broker:
        files = write_messages(Path(name))
        with subprocess.Popen(
            ["mosquitto_sub", "-V", "5", "-q", "1", "-p", str(broker.port), "-i", "peer",
             "-t", of_all_devices("readings"), "-C", str(_DEVICES * _MESSAGES)],
            stdout=subprocess.DEVNULL,
        ) as subscriber:  # fmt: skip
            time.sleep(0.5)
            begun = time.perf_counter()
            with publishing(broker, files):
                subscriber.wait(_PATIENCE)
            took = time.perf_counter() - begun
    return _TOTAL / took


def _promoted(data: Path) -> None:
    """Put a model into use in a new data folder, as a promotion does."""
    random = np.random.default_rng(0)
    runs = [_MEAN + _SPREAD * random.standard_normal((5000, 6)) for _ in range(2)]
    settings = TrainingSettings(
        features=TURBINE_FEATURES, angles=("roll", "pitch", "yaw"), false_alarm_rate=0.01
    )
    model = train(settings, runs[:1], runs[1:]).data

    async def promote() -> None:
        async with open_runtime(Settings(data=data)) as runtime:
            stored = await runtime.objects.put_file(io.BytesIO(model))
            sha256, size = stored.sha256, stored.bytes
            entry = StepEntry(
                "model:turbine",
                now_us(),
                kind="promote",
                inputs=(Artifact(sha256, "application/onnx", size, MODEL_ROLE),),
                attributes=promotion_attributes("turbine", 1, 1, "by hand"),
            )
            record = record_of(entry, build=None, actor="benchmark", worker="benchmark")
            await runtime.committer.publish([], lineage_records([record]))

    asyncio.run(promote())


def _lag(connection: sqlite3.Connection, group: str) -> int:
    (lag,) = connection.execute(
        "SELECT coalesce(sum(next_offset - position), 0) FROM group_partitions "
        "JOIN partitions ON partitions.id = partition_id "
        "JOIN groups ON groups.id = group_id WHERE groups.name = ?",
        (group,),
    ).fetchone()
    return int(lag)


def _scored() -> float:
    """Readings a second from the first publication until all are scored, and that is durable."""
    with tempfile.TemporaryDirectory() as name, Mosquitto(settings=QUEUES) as broker:
        folder = Path(name)
        _promoted(folder / "data")
        files = write_messages(folder)
        with _lineal(folder, broker, "detect", "detect") as database:
            connection = sqlite3.connect(database, timeout=60)
            begun = time.perf_counter()
            with publishing(broker, files):
                _wait_for(connection, _DEVICES * _MESSAGES)
                while _lag(connection, "detect"):
                    time.sleep(0.02)
            took = time.perf_counter() - begun
            connection.close()
    return _TOTAL / took


def _latencies() -> list[float]:
    """Milliseconds from sending a batch to seeing, on the bus, the anomaly it opened."""
    with tempfile.TemporaryDirectory() as name, Mosquitto(settings=QUEUES) as broker:
        folder = Path(name)
        _promoted(folder / "data")
        with _lineal(folder, broker, "detect", "detect"):
            return asyncio.run(_simulated(folder / "data", broker.port))


async def _simulated(data: Path, port: int) -> list[float]:
    """1,000 devices, each a batch of 20 a second, evenly spread; after a while they break one by
    one."""
    random = np.random.default_rng(1)
    sent: dict[tuple[str, int], float] = {}
    seen: list[float] = []
    names = [f"turbine-{number}" for number in range(_CROWD)]
    client = Client(CallbackAPIVersion.VERSION2, "crowd", protocol=MQTTv5)
    client.max_inflight_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    async with open_runtime(Settings(data=data)) as runtime:
        await runtime.bus.create_topic(AnomalyOpened.type)

        async def watch() -> None:
            chosen = Selection(from_now=True)
            async for delivery in runtime.bus.read(AnomalyOpened.type, chosen, follow=True):
                said = AnomalyOpened.model_validate_json(delivery.event.data)
                last = -(-said.last_seq // ROWS) * ROWS
                begun = sent.pop((said.device, last), None)
                if begun is not None:
                    seen.append(1000 * (time.perf_counter() - begun))

        watching = asyncio.create_task(watch())
        begun = time.perf_counter()
        for second in range(_SECONDS):
            for place, device in enumerate(names):
                due = begun + second + place / _CROWD
                if (wait := due - time.perf_counter()) > 0.002:
                    await asyncio.sleep(wait)
                broken = second > 8 and place % 10 == second % 10
                level = _MEAN + (20 * _SPREAD if broken else 0)
                values = level + _SPREAD * random.standard_normal((ROWS, 6))
                body = _batch(device, "b" * 32, second, values.tolist())
                sent[device, (second + 1) * ROWS] = time.perf_counter()
                client.publish(readings(device), body, 1)
        await asyncio.sleep(2)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    client.disconnect()
    client.loop_stop()
    return seen


def _clients_missing() -> bool:
    if shutil.which("mosquitto_sub") is not None:
        return False
    print("skipped: mosquitto's clients are missing (apt install mosquitto-clients)",
          file=sys.stderr)  # fmt: skip
    return True


def _measure_bridge() -> Sequence[Result]:
    if _clients_missing():
        return []
    pairs = [(_bridged(), _subscribed()) for _ in range(_RUNS)]
    peer = "mosquitto_sub in the bridge's place"
    return [against_peer("telemetry.bridge", "readings/s on the bus", ">= 60,000", peer, pairs)]


def _measure_scored() -> Sequence[Result]:
    if _clients_missing():
        return []
    pairs = [(_scored(), _subscribed()) for _ in range(_RUNS)]
    peer = "mosquitto_sub, which only takes them"
    return [against_peer("telemetry.scored", "readings/s scored", ">= 60,000", peer, pairs)]


def _measure_latency() -> Sequence[Result]:
    seen = sorted(_latencies())
    if len(seen) < 100:
        raise RuntimeError(f"only {len(seen)} anomalies were opened")
    late = seen[int(len(seen) * 0.99)]
    return [
        Result("telemetry.latency_p99", late, "ms from batch to anomaly", "< 250"),
        Result("telemetry.latency_p50", seen[len(seen) // 2], "ms from batch to anomaly", ""),
    ]


BENCHMARKS = (
    Benchmark(("telemetry.bridge",), _measure_bridge),
    Benchmark(("telemetry.scored",), _measure_scored),
    Benchmark(("telemetry.latency_p99", "telemetry.latency_p50"), _measure_latency),
)
