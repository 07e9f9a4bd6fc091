"""Answers over HTTP by ``lineal serve``, beside onnxruntime in a bare Starlette handler.

Both answer the same protocol with the same model of trees (of ``lineal examples run serving``),
one process each for HTTP; ours has the model in another process, checks who asks, puts requests
together and counts. 16 connections ask for one row each, one request after another.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.measurement import LINEAL, Benchmark, Result, against_peer

_CONNECTIONS = 16
_SECONDS = 4.0
_PAIRS = 3
_COLUMNS = 7
_ENOUGH_SECONDS = 60


class _Answered(NamedTuple):
    per_second: float
    p95_ms: float


async def _ask(port: int, token: str, seconds: float) -> _Answered:
    """Requests a second over all connections, each in turn on its own."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def one(seed: int) -> None:
        chance = random.Random(seed)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            data = [round(chance.uniform(0, 90), 2) for _ in range(_COLUMNS)]
            tensor = {"name": "features", "shape": [1, _COLUMNS], "datatype": "FP32", "data": data}
            body = json.dumps({"inputs": [tensor]}).encode()
            head = (
                f"POST /v2/models/churn/infer HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
                f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            )
            begun = time.perf_counter()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer[:20]:
                raise RuntimeError(f"not answered: {answer[:200]!r}")
            at = answer.lower().index(b"content-length:") + 15
            await reader.readexactly(int(answer[at : answer.index(b"\r", at)]))
            times.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(_CONNECTIONS)))
    rate = len(times) / (time.perf_counter() - begun)
    return _Answered(rate, statistics.quantiles(times, n=20)[-1] * 1000)


@contextmanager
def _served(command: Sequence[str], folder: Path) -> Iterator[int]:
    """A server; the port that it says it is on, in one line of JSON."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        port = int(said["url"].rpartition(":")[2])
        _until_ready(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _until_ready(port: int) -> None:
    import httpx

    until = time.monotonic() + _ENOUGH_SECONDS
    while httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code != 200:
        if time.monotonic() > until:
            raise RuntimeError("the server does not become ready")
        time.sleep(0.1)


def _measure() -> Sequence[Result]:
    rates: list[tuple[float, float]] = []
    times: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as made:
        folder, data = Path(made), Path(made) / "data"
        example = [str(LINEAL), "examples", "run", "serving", "--folder", str(data)]
        subprocess.run(example, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        model = folder / "churn.onnx"
        model.write_bytes(asyncio.run(_model_of(data)))
        token = (data / "api-token").read_text().strip() if (data / "api-token").exists() else ""
        ours = [str(LINEAL), "serve", "churn", "--port", "0", "--json", "--data", str(data)]
        theirs = [sys.executable, "-m", "benchmarks.serving_peer", str(model)]
        for number in range(_PAIRS):
            with _served(ours, folder) as port:
                token = (data / "api-token").read_text().strip()
                asyncio.run(_ask(port, token, 0.5))
                mine = asyncio.run(_ask(port, token, _SECONDS))
            with _served(theirs, folder) as port:
                asyncio.run(_ask(port, token, 0.5))
                peer = asyncio.run(_ask(port, token, _SECONDS))
            print(
                f"  pair {number}: {mine.per_second:.0f}/s, 95 % within {mine.p95_ms:.1f} ms; "
                f"bare {peer.per_second:.0f}/s, {peer.p95_ms:.1f} ms"
            )
            rates.append((mine.per_second, peer.per_second))
            times.append((mine.p95_ms, peer.p95_ms))
    name = "onnxruntime in a bare Starlette handler"
    return [
        against_peer("serving.requests", "requests/s", "ratio >= 0.5", name, rates),
        against_peer("serving.latency_p95", "ms", "for the record", name, times),
    ]


async def _model_of(data: Path) -> bytes:
    """The file of the version that answers."""
    from lineal.runtime import open_runtime
    from lineal.settings import Settings
    from lineal_catalog.serving.queries import serving_of
    from lineal_schemas.serving import ServingPackage

    async with open_runtime(Settings(data=data)) as runtime:
        known = await runtime.store.read(lambda c: serving_of(c, "churn"))
        assert known is not None and known.stable is not None
        package = ServingPackage.model_validate_json(
            await runtime.objects.get(known.stable.package)
        )
        return await runtime.objects.get(package.artifact)


BENCHMARKS = (Benchmark(("serving.requests", "serving.latency_p95"), _measure),)
