"""A server as ``lineal serve`` runs it, with stages that plant evaluations."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineal.access.owner_token import owner_token
from lineal.lineage.actor import acting_user
from lineal.settings import Settings, all_settings
from lineal.store.objects import reference
from lineal_catalog.models.golden import recorded_golden
from lineal_catalog.serving.queries import Serving, ServingStep, serving_of, serving_steps
from lineal_cli.service import Service, serve
from lineal_consumers.serving import stage as stages
from lineal_producers.http.serving import bind
from lineal_producers.serving.producer import ModelServers
from lineal_schemas.envelope import first_event
from lineal_schemas.models import ModelPromoted
from lineal_schemas.payload import Payload
from tests.serving.planted import MEDIA_TYPE, ONNX, evaluation, golden, model_ref, plant

PATIENCE_SECONDS = 180
RULES = {
    "runs": 30, "shadow_requests": 20, "steps": [0.25], "step_requests": 20, "test_seconds": 20,
    # Several tests share two cores: no figure of time is to decide.
    "max_latency_ms": 10_000, "ignored_latency_ms": 10_000,
}  # fmt: skip


class Served:
    """A client of a server, and of the pipeline behind it."""

    def __init__(self, service: Service, client: httpx.AsyncClient) -> None:
        self.service, self.client = service, client
        self.runtime = service.runtime
        self._events = 0

    async def publish(self, payload: Payload) -> None:
        self._events += 1
        event = first_event(
            payload, id=f"planted-{self._events}", source="test", actor=acting_user()
        )
        await self.runtime.bus.publish([(event.type, event)])

    async def promote(
        self, data: bytes, version: int, samples: bytes | None = None, media_type: str = ONNX
    ) -> None:
        artifact = await self._put(data, media_type)
        ref = model_ref(data, version)
        recorded = await self._put(golden(data) if samples is None else samples, MEDIA_TYPE)
        await self.publish(evaluation(ref, artifact, recorded))

        async def known() -> bool:
            found = await self.runtime.store.read(lambda c: recorded_golden(c, ref.sha256))
            return found is not None

        await until(known)
        await self.publish(
            ModelPromoted(
                name="m", model=ref, how="manual", by="user:ann", counter=version,
                artifact=artifact,
            )
        )  # fmt: skip

    async def _put(self, data: bytes, media_type: str) -> Any:
        stored = await self.runtime.objects.put_file(BytesIO(data))
        return reference(stored.sha256, len(data), media_type)

    async def infer(self, *rows: float, version: int | None = None) -> httpx.Response:
        path = "/v2/models/m" + ("" if version is None else f"/versions/{version}")
        tensor = {"name": "x", "shape": [len(rows), 1], "datatype": "FP32", "data": list(rows)}
        return await self.client.post(f"{path}/infer", json={"inputs": [tensor]})

    async def status(self) -> Serving | None:
        return await self.runtime.store.read(lambda c: serving_of(c, "m"))

    async def steps(self) -> list[ServingStep]:
        return await self.runtime.store.read(lambda c: serving_steps(c, "m"))

    async def until_answering(self, version: int) -> None:
        async def answering() -> bool:
            answer = await self.infer(0.5)
            status = await self.status()
            return (
                answer.status_code == 200
                and answer.json()["model_version"] == str(version)
                and status is not None
                and status.phase == "all"
            )

        await until(answering)

    async def until_phase(self, phase: str) -> None:
        async def there() -> bool:
            status = await self.status()
            return status is not None and status.phase == phase

        await until(there)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that comes by itself."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)


Serve = Callable[..., Any]


@pytest.fixture
def served(tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def opened(rules: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Served]:
        kind: Any = all_settings()
        chosen = kind(
            data=tmp_path / "data",
            durability="normal",
            workers=1,
            stages={"serving": {"models": {"*": RULES | (rules or {})}}},
            serving={"report_seconds": 0.05, **settings},
        )
        assert isinstance(chosen, Settings)
        servers = ModelServers(["m"])
        async with serve(
            chosen, [plant, stages.test, stages.serving], producers=servers.producers(),
            listening=bind("127.0.0.1", 0), routes=servers.routes,
        ) as service:  # fmt: skip
            assert service.server is not None
            token = owner_token(chosen.data)
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{service.server.port}", timeout=60,
                headers={"authorization": f"Bearer {token}"},
            ) as client:  # fmt: skip
                yield Served(service, client)

    return opened


@pytest.fixture
def leaky_engine(tmp_path: Path) -> Any:
    """An installed package whose engine keeps 2 MB at each request with x above 900."""
    folder = tmp_path / "site"
    about = folder / "leaky-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[lineal.engines]\nleaky = leaky_engine:Leaky\n")
    (folder / "leaky_engine.py").write_text(
        "from lineal_learning.onnx_engine import OnnxEngine\n"
        "KEPT = []\n"
        "class Leaky(OnnxEngine):\n"
        "    media_types = ('application/x-leaky',)\n"
        "    def infer(self, inputs, outputs):\n"
        "        if float(inputs['x'].max()) > 900:\n"
        "            KEPT.append(b'x' * 2_000_000)\n"
        "        return super().infer(inputs, outputs)\n"
    )
    sys.path.insert(0, str(folder))
    yield "application/x-leaky"
    sys.path.remove(str(folder))
