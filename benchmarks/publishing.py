"""Publishing from a web application, beside the same application with aiokafka's producer.

A request has one event of about 1 KB, which is durable when it is answered: acknowledged by all
replicas, by an idempotent producer. So many requests are under way at once. They are handed to the
application in its own process: what a server of HTTP takes is the same for both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.kafka import broker, kafka_topic, new_runtime
from benchmarks.measurement import Benchmark, Result, against_peer
from lineal.library import EventBus
from lineal_cli.lifetime import run_in_loop
from lineal_schemas.payload import Payload

REQUESTS = 8_000
UNDER_WAY = 100
_RUNS = 3
_TEXT = "x" * 800


class Placed(Payload, type="benchmark.placed", version=1):
    order: str
    text: str

    def partition_key(self) -> str:
        return self.order


def _measure() -> Sequence[Result]:
    with broker() as kafka:
        pairs = [run_in_loop(_pair(kafka.bootstrap)) for _ in range(_RUNS)]
    peer = "the same application with aiokafka's producer, idempotent, acks=all"
    return [against_peer("library.publish", "events/s", "for the record", peer, pairs)]


async def _pair(bootstrap: str) -> tuple[float, float]:
    """Events a second, ours and the peer's, on the same topic."""
    async with new_runtime(bootstrap) as runtime:
        bus = EventBus(runtime, "benchmark")

        async def ours(order: str) -> None:
            await bus.publish(Placed(order=order, text=_TEXT), id=f"id-{order}")

        await ours("first")  # what is connected and made once
        rate = await _rate(ours)
        topic = kafka_topic(runtime, Placed.type)
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, enable_idempotence=True, acks="all"
        )
        await producer.start()
        try:

            async def theirs(order: str) -> None:
                value = orjson.dumps({"order": order, "text": _TEXT})
                await producer.send_and_wait(topic, value, key=order.encode())

            await theirs("first")
            return rate, await _rate(theirs)
        finally:
            await producer.stop()
            await bus.close()


async def _rate(publish: Callable[[str], Awaitable[None]]) -> float:
    """Requests a second that are answered."""

    async def place(request: Request) -> Response:
        await publish(request.path_params["order"])
        return JSONResponse({}, status_code=202)

    app = Starlette(routes=[Route("/orders/{order}", place, methods=["POST"])])
    numbers = iter(range(REQUESTS))

    async def client() -> None:
        for number in numbers:
            assert await _answered(app, f"/orders/o-{number}") == 202

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(UNDER_WAY)))
    return REQUESTS / (time.perf_counter() - begun)


async def _answered(app: Starlette, path: str) -> int:
    """The status of the answer to a POST without a body."""
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


BENCHMARKS = (Benchmark(("library.publish",), _measure, limit_s=120),)
