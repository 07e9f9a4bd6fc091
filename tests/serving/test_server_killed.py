"""Kill -9 for ``lineal serve`` in the middle of a rollout."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx

from lineal.access.owner_token import owner_token
from lineal.daemon import Daemon
from lineal.lineage.actor import acting_user
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.objects import reference
from lineal_catalog.models.golden import recorded_golden
from lineal_catalog.serving.queries import Serving, serving_of, serving_steps
from lineal_schemas.envelope import first_event
from lineal_schemas.models import ModelPromoted
from lineal_schemas.payload import Payload
from tests.serving.conftest import PATIENCE_SECONDS, RULES, until
from tests.serving.planted import MEDIA_TYPE, ONNX, evaluation, golden, linear, model_ref, plant

SETTINGS = """
durability = "normal"
workers = 1

[serving]
report_seconds = 0.05

[stages.serving.models."*"]
"""


class Killable:
    """``lineal serve`` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        rules = "\n".join(f"{name} = {json.dumps(value)}" for name, value in RULES.items())
        (folder / "lineal.toml").write_text(SETTINGS + rules + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Its address, once it answers."""
        command = [
            sys.executable, "-m", "lineal_cli.main", "serve", "m", "--port", "0", "--json",
            "--data", str(self.data),
        ]  # fmt: skip
        self._process = await asyncio.to_thread(self._spawn, command)
        assert self._process.stdout is not None
        line = await asyncio.to_thread(self._process.stdout.readline)
        assert line, (self.folder / "log").read_text()[-3000:]
        return str(json.loads(line)["url"])

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@asynccontextmanager
async def installation(data: Path) -> AsyncIterator[Runtime]:
    """A bus on which evaluations can be planted."""
    async with open_runtime(Settings(data=data, durability="normal")) as runtime:
        daemon = Daemon(runtime, [plant])
        await daemon.start()
        try:
            yield runtime
        finally:
            await daemon.stop()


async def promote(runtime: Runtime, data: bytes, version: int) -> None:
    async def put(content: bytes, media_type: str) -> Any:
        stored = await runtime.objects.put_file(BytesIO(content))
        return reference(stored.sha256, len(content), media_type)

    async def publish(payload: Payload) -> None:
        identity = f"planted-{version}-{payload.type}"
        event = first_event(payload, id=identity, source="test", actor=acting_user())
        await runtime.bus.publish([(event.type, event)])

    artifact, ref = await put(data, ONNX), model_ref(data, version)
    await publish(evaluation(ref, artifact, await put(golden(data), MEDIA_TYPE)))

    async def known() -> bool:
        return await runtime.store.read(lambda c: recorded_golden(c, ref.sha256)) is not None

    await until(known)
    await publish(
        ModelPromoted(
            name="m", model=ref, how="manual", by="user:ann", counter=version, artifact=artifact
        )
    )


async def test_a_killed_server_goes_on_with_the_rollout_it_was_at(tmp_path: Path) -> None:
    server = Killable(tmp_path)
    async with installation(server.data) as runtime:

        async def status() -> Serving | None:
            return await runtime.store.read(lambda c: serving_of(c, "m"))

        async def in_phase(phase: str, version: str | None = None) -> None:
            """Ask, one request after another, until a rollout is there."""

            async def there() -> bool:
                answer = await ask()
                found = await status()
                return (
                    found is not None
                    and found.phase == phase
                    and (version is None or answer.get("model_version") == version)
                )

            await until(there)

        async def ask() -> dict[str, Any]:
            tensor = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [0.5]}
            answer = await client.post("/v2/models/m/infer", json={"inputs": [tensor]})
            body: dict[str, Any] = answer.json()
            return body if answer.status_code == 200 else {}

        headers = {"authorization": f"Bearer {owner_token(server.data)}"}
        try:
            url = await server.start()
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
                await promote(runtime, linear(3), 1)
                await in_phase("all", "1")
                await promote(runtime, linear(3.2), 2)
                await in_phase("canary")
            server.kill()
            url = await server.start()
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
                found = await status()
                assert found is not None and found.phase == "canary"
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not (answer := await ask()):
                        await asyncio.sleep(0.02)
                assert answer["model_version"] in ("1", "2")
                await in_phase("all", "2")
        finally:
            server.kill()
        steps = await runtime.store.read(lambda c: serving_steps(c, "m"))
        assert [step.what for step in reversed(steps)] == [
            "tested", "completed", "tested", "shadow_started", "canary_started", "completed",
        ]  # fmt: skip
