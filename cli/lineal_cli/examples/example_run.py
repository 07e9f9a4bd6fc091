"""``ExampleRun``: a bus, a store and stages in a folder, for an example."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from lineal_cli.options import CommandFailed
from lineal_schemas.payload import Payload

if TYPE_CHECKING:
    from lineal.runtime import Runtime

P = TypeVar("P", bound=Payload)
_PATIENCE_SECONDS = 100.0
_POLL_SECONDS = 0.05


class ExampleRun:
    """Runs stages as a daemon does, on a bus in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime: Runtime
        self._stages: Sequence[str] = ()

    @asynccontextmanager
    async def running(
        self, stages: Sequence[str], settings: Mapping[str, Any]
    ) -> AsyncIterator[None]:
        """While these stages work.

        Raises:
            CommandFailed: libraries that one of them needs are not installed.
        """
        from lineal.daemon import Daemon
        from lineal.errors import UnknownStage
        from lineal.runtime import open_runtime
        from lineal.settings import Settings
        from lineal.stages.discovery import find_stages

        workers = min(2, os.cpu_count() or 1)
        chosen = Settings(
            data=self.folder, durability="normal", workers=workers, stages=dict(settings)
        )
        self._stages = stages
        async with open_runtime(chosen) as runtime:
            self.runtime = runtime
            try:
                daemon = Daemon(runtime, find_stages(list(stages)))
            except UnknownStage as error:
                raise CommandFailed(str(error)) from error
            await daemon.start()
            try:
                yield
            finally:
                await daemon.stop()
                await runtime.flush_ledger()

    def report(self, line: str) -> None:
        """Say what is done now."""
        typer.echo(line)

    async def put(self, name: str, data: bytes, **labels: str) -> str:
        """Have a file arrive, as through a folder or HTTP; its document id."""
        from lineal_producers.arrival import ArrivalSource, announce, store

        content = await store(self.runtime, BytesIO(data))
        source = ArrivalSource(
            name=name, source=f"example:{name}", actor="user:example", occurrence=name,
            labels=labels,
        )  # fmt: skip
        return (await announce(self.runtime, source, content=content)).document_id

    async def publish(self, *payloads: Payload) -> None:
        """Publish payloads as the owner of the folder."""
        from hashlib import sha256

        from lineal.access.credential import owner_credential
        from lineal.observability.tracing import first_traceparent
        from lineal_schemas.envelope import first_event

        events = []
        for payload in payloads:
            identifier = sha256(payload.model_dump_json().encode()).hexdigest()
            events.append(
                first_event(
                    payload,
                    id=identifier,
                    source="lineal:cli/examples",
                    actor=owner_credential().actor,
                    traceparent=first_traceparent(identifier, identifier),
                )
            )
        await self.runtime.bus.publish([(event.type, event) for event in events])

    async def until_idle(self) -> None:
        """Wait until no stage has anything left to do.

        Raises:
            CommandFailed: that takes more than 100 seconds.
        """
        calm = 0
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while calm < 3:
                    waiting = [
                        info.lag
                        for topic in await self.runtime.bus.topics()
                        for info in topic.groups
                        if info.group in self._stages
                    ]
                    calm = 0 if any(waiting) else calm + 1
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise CommandFailed(
                f"the example takes too long: `lineal dead list --data {self.folder}` shows what "
                "failed, and another program may keep the machine busy"
            ) from None

    async def until(self, kind: type[P], count: int) -> None:
        """Wait until there are so many events of a type, and then until nothing is left to do.

        Raises:
            CommandFailed: that takes more than 100 seconds.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while len(await self.events_of(kind)) < count:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS * 5)
        except TimeoutError:
            raise CommandFailed(
                f"the example waits for {kind.type} in vain: "
                f"`lineal dead list --data {self.folder}` shows what failed"
            ) from None
        await self.until_idle()

    async def events_of(self, kind: type[P]) -> list[P]:
        """All events of a type so far."""
        from lineal.events_on_topic import events_on_topic

        return [event.data async for event in events_on_topic(self.runtime, kind)]

    async def learn(self, model: str) -> None:
        """One iteration of the flywheel, to its end.

        Raises:
            CommandFailed: nothing was learnt.
        """
        from lineal_cli.iteration import request_iteration
        from lineal_schemas.failures import DeadLetter
        from lineal_schemas.models import ModelEvaluated

        before = len(await self.events_of(ModelEvaluated))
        await request_iteration(self.runtime, model)
        await self.until_idle()
        if len(await self.events_of(ModelEvaluated)) == before:
            letters = [
                f"{letter.data.error_class}: {letter.data.message}"
                for letter in await self._dead_letters(DeadLetter)
            ]
            raise CommandFailed(f"nothing was learnt: {'; '.join(letters) or 'nothing is new'}")
        # A change of the model in use is noticed within a second.
        await asyncio.sleep(1.1)

    async def until_failed(self, error: str) -> str:
        """Wait until an event has failed with an error of this class; its message.

        Raises:
            CommandFailed: none does within 100 seconds.
        """
        from lineal_schemas.failures import DeadLetter

        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    for letter in await self._dead_letters(DeadLetter):
                        if letter.data.error_class == error:
                            return str(letter.data.message)
                    await asyncio.sleep(_POLL_SECONDS * 5)
        except TimeoutError:
            raise CommandFailed(f"the example waits for {error} in vain") from None

    async def _dead_letters(self, kind: Any) -> list[Any]:
        from lineal.bus.topic_names import is_dead_letter_topic
        from lineal_schemas.envelope import decode

        found = []
        for topic in await self.runtime.bus.topics():
            if is_dead_letter_topic(topic.topic):
                async for delivery in self.runtime.bus.read(topic.topic):
                    event = decode(delivery.event)
                    if isinstance(event.data, kind):
                        found.append(event)
        return found
