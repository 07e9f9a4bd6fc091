"""Publishes what the devices of a share send on the bus, then acknowledges it to them.

    broker -> take (bounded) -> check -> one commit on the bus -> PUBACK, acknowledgement -> device

While one batch is committed the next one gathers; nothing is confirmed to the broker or a device
before the bus has it. So whoever is killed when, the broker brings again what it still has, and the
device what nobody acknowledged; the positions tell what is known already.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from lineal.bus.protocol import PublishFenced
from lineal.bus.topic_names import dead_letter_topic
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import StoreDamaged, StoreUnavailable, Unavailable
from lineal.runtime import Runtime
from lineal.stages.retry import unavailable
from lineal_producers.mqtt.acknowledgements import Acknowledgements
from lineal_producers.mqtt.connection import BrokerConnection, BrokerUnavailable, Received
from lineal_producers.mqtt.effects import LeaseLost
from lineal_producers.mqtt.ingest import MessageIngest, Prepared, bridge_build
from lineal_producers.mqtt.jobs import JobRelay
from lineal_producers.mqtt.lease import Lease, Leases
from lineal_producers.mqtt.metrics import OTHERS, TAKE_OVERS, count
from lineal_producers.mqtt.positions import Positions
from lineal_producers.mqtt.records import GROUP, Recorder
from lineal_producers.mqtt.rejections import Unpublishable
from lineal_producers.mqtt.settings import MqttSettings
from lineal_producers.mqtt.shares import Share, shares_of
from lineal_schemas.conversations import UtteranceReceived, UtteranceReplied
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    DeviceHealth,
    TelemetryAck,
    TelemetryGap,
    TelemetryReadings,
)

log = structlog.get_logger(__name__)

_BATCH_SIZE = 500
_GATHER_SECONDS = 0.005
_FIRST_PAUSE, _MAX_PAUSE = 0.2, 30.0
_TOPICS = (
    TelemetryReadings, TelemetryGap, DeviceBirth, DeviceDeath, DeviceHealth, UtteranceReceived,
    UtteranceReplied,
)  # fmt: skip


class ShareBridge:
    """Works for one share of the devices of a broker at a time, whichever it gets.

    Args:
        changed: called when it begins or ends to work.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: MqttSettings,
        leases: Leases,
        *,
        former: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._leases = leases
        self._former = former
        self._changed = changed
        self._recorder = Recorder(bridge_build(settings))
        self._positions = Positions(runtime, confirmations=settings.gap_confirmations)
        self._ingest = MessageIngest(
            self._positions,
            runtime.objects,
            self._recorder,
            message_bytes=settings.message_bytes,
            talk_as=settings.talk_as,
        )
        self._lease: Lease | None = None
        self._publish_fenced: PublishFenced | None = None
        self.problem: str | None = None
        """What keeps it from working at present."""
        self.connected = False

    @property
    def share(self) -> Share | None:
        """What it works for; None while it waits for a lease."""
        return None if self._lease is None else self._lease.share

    async def run(self) -> None:
        """Work until cancelled; the broker and the bus may come and go."""
        pause = _FIRST_PAUSE
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await self._serve(await self._leases.wait())
            except LeaseLost as error:
                log.warning("bridge.lease_lost", error=str(error))
            except BrokerUnavailable as error:
                self._complain(f"the MQTT broker is away: {error}")
            except (Unavailable, StoreDamaged, OSError) as error:
                self._complain(f"the bus cannot be written: {error}")
            except Exception as error:
                # a fault of ours: begin anew rather than leave all devices alone
                log.exception("bridge.failed")
                self._complain(f"the bridge has failed: {error!r}")
            if asyncio.get_running_loop().time() - begun > _MAX_PAUSE:
                pause = _FIRST_PAUSE
            # with jitter: bridges and devices that lost one broker must not come back as one
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(_MAX_PAUSE, pause * 2)

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("bridge.interrupted", problem=problem)
        self.problem = problem

    async def _serve(self, lease: Lease) -> None:
        """Work for a share until something ends."""
        self._lease = lease
        self._changed()
        try:
            await _until_one_ends(self._work(lease), lease.keep())
        finally:
            self._lease = self._publish_fenced = None
            self.connected = False
            self._changed()
            with contextlib.suppress(StoreUnavailable, StoreDamaged):
                await self._leases.release(lease)

    async def _work(self, lease: Lease) -> None:
        """Take over from whoever worked for the share before, connect, and work."""
        committer, client_id = self._runtime.committer, self._settings.client_id
        for share in shares_of(self._former()):
            await committer.fenced(f"{GROUP}/{share.client_id(client_id)}")
        self._publish_fenced = await committer.fenced(f"{GROUP}/{lease.name}")
        await lease.check()
        await self._positions.catch_up()
        await self._positions.sweep()
        for payload in _TOPICS:
            await self._runtime.bus.create_topic(payload.type)
        await self._runtime.bus.create_topic(dead_letter_topic(GROUP))
        connection = BrokerConnection(self._settings, lease.share)
        await connection.open()
        try:
            self.problem = None
            self._ingest.missed_something = not connection.resumed
            self.connected = True
            TAKE_OVERS.inc()
            self._changed()
            acknowledgements = Acknowledgements(connection)
            relay = JobRelay(self._runtime, connection, Recorder(bridge_build(self._settings)))
            await _until_one_ends(
                self._pump(connection, acknowledgements), acknowledgements.run(), relay.run()
            )
        finally:
            connection.disconnect()

    async def _pump(self, connection: BrokerConnection, acknowledgements: Acknowledgements) -> None:
        while True:
            await connection.arrived.wait()
            if connection.lost.done():
                raise BrokerUnavailable(connection.lost.result())
            messages = connection.take(_BATCH_SIZE)
            if (room := _BATCH_SIZE - len(messages)) > 0:
                # a commit costs as much as many messages: have a few more come along
                await asyncio.sleep(_GATHER_SECONDS)
                messages += connection.take(room)
            ours = [message for message in messages if not message.of_others]
            OTHERS.inc(len(messages) - len(ours))
            taken = await self._take_in(ours) if ours else []
            connection.confirm(messages)
            for prepared in taken:
                count(prepared.counts)
                await self._positions.load(prepared.acked)
                for (device, boot_id), gaps in prepared.acked.items():
                    boot = self._positions.boot(device, boot_id)
                    acknowledgements.enqueue(
                        TelemetryAck(
                            device=device,
                            boot_id=boot_id,
                            upto_seq=boot.readings.acked_through,
                            upto_event=boot.events.acked_through,
                            resend=gaps != 0,
                        )
                    )
            acknowledgements.soon()

    async def _take_in(self, messages: list[Received]) -> list[Prepared]:
        """Check messages and publish the events that they amount to."""
        try:
            return [await self._publish(await self._prepare(messages))]
        except LeaseLost:
            raise
        except Exception as error:
            if len(messages) > 1:
                log.warning("bridge.one_by_one", messages=len(messages), error=repr(error))
                self._positions.forget()
                return [part for one in messages for part in await self._take_in([one])]
            log.error("bridge.unpublishable", topic=messages[0].topic, exc_info=error)
        self._positions.forget()
        rejected = Unpublishable("the bus does not take what is in it")
        return [await self._publish(self._ingest.reject(messages[0], rejected))]

    async def _prepare(self, messages: list[Received]) -> Prepared:
        prepared: Prepared = await self._patiently(lambda: self._ingest.prepare(messages))
        return prepared

    async def _publish(self, prepared: Prepared) -> Prepared:
        if prepared.outputs or prepared.records:
            assert self._lease is not None
            assert self._publish_fenced is not None
            publish = self._publish_fenced
            effects: list[Effect] = [self._lease.held()]
            effects += lineage_records(prepared.records)
            if prepared.devices:
                effects += self._positions.effects(prepared.devices)
            await self._patiently(lambda: publish(prepared.outputs, effects))
        return prepared

    async def _patiently(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Try again until it works: a full disk loses nothing that was received."""
        pause = _FIRST_PAUSE
        while True:
            try:
                done = await act()
            except Exception as error:
                if not unavailable(error):
                    raise
                self._complain(f"the bus cannot be written: {error}")
            else:
                self.problem = None
                return done
            await asyncio.sleep(pause)
            pause = min(_MAX_PAUSE, pause * 2)


async def _until_one_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all; when one ends, by itself or by an error, end the others and raise its error."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
