"""The bridge itself: what devices publish goes onto the bus, then they are told that it is there.

    broker -> take (bounded) -> check -> one commit on the bus -> PUBACK, acknowledgement -> device

While one batch is committed the next one gathers; nothing is confirmed to the broker or a device
before the bus has it. So whoever is killed when, the broker brings again what it still has, and the
device what nobody acknowledged; the positions tell what is known already.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from lineal.bus.topic_names import dead_letter_topic
from lineal.effects.effect import Effect
from lineal.effects.records import lineage_records
from lineal.errors import StoreDamaged, StoreUnavailable, Unavailable
from lineal.runtime import Runtime
from lineal.stages.retry import unavailable
from lineal_producers.mqtt.acknowledgements import Acknowledgements
from lineal_producers.mqtt.address import WrongAddress, parse_address
from lineal_producers.mqtt.connection import BrokerConnection, BrokerUnavailable, Received
from lineal_producers.mqtt.effects import LeaseLost
from lineal_producers.mqtt.ingest import MessageIngest, Prepared, bridge_build
from lineal_producers.mqtt.jobs import JobRelay
from lineal_producers.mqtt.lease import Lease
from lineal_producers.mqtt.metrics import count
from lineal_producers.mqtt.positions import Positions
from lineal_producers.mqtt.records import GROUP, Recorder
from lineal_producers.mqtt.rejections import Unpublishable
from lineal_producers.mqtt.settings import MqttSettings
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
_TOPICS = (TelemetryReadings, TelemetryGap, DeviceBirth, DeviceDeath, DeviceHealth)


class Bridge:
    """One broker's bridge. Stands by while another process does the work.

    Raises:
        WrongAddress: the settings name no broker.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._settings = settings = runtime.settings.section(MqttSettings)
        if settings.url is None:
            raise WrongAddress("no MQTT broker is named: --mqtt URL, or LINEAL_MQTT__URL")
        self._address = parse_address(settings.url)
        self._lease = Lease(runtime, settings.client_id, seconds=runtime.settings.lease_seconds)
        self._recorder = Recorder(bridge_build(settings))
        self._positions = Positions(runtime, confirmations=settings.gap_confirmations)
        self._ingest = MessageIngest(
            self._positions,
            runtime.objects,
            self._recorder,
            message_bytes=settings.message_bytes,
        )
        self.problem: str | None = None
        """What keeps it from working at present."""
        self.standing_by = False
        """Another process does the work."""
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; the broker and the bus may come and go."""
        pause = _FIRST_PAUSE
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await self._serve()
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
            finally:
                self.connected.clear()
            if asyncio.get_running_loop().time() - begun > _MAX_PAUSE:
                pause = _FIRST_PAUSE
            # with jitter: bridges and devices that lost one broker must not come back as one
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(_MAX_PAUSE, pause * 2)

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("bridge.interrupted", problem=problem)
        self.problem = problem

    async def _serve(self) -> None:
        """Take the lease, connect, and work until something ends."""
        self.standing_by = not await self._lease.acquire()
        if self.standing_by:
            log.info("bridge.standing_by", broker=str(self._address))
            self.problem = None
            await self._lease.wait()
            self.standing_by = False
        try:
            self._positions.forget()
            await self._positions.catch_up()
            for payload in _TOPICS:
                await self._runtime.bus.create_topic(payload.type)
            await self._runtime.bus.create_topic(dead_letter_topic(GROUP))
            connection = BrokerConnection(self._settings)
            await connection.open()
            try:
                self.problem = None
                self._ingest.missed_something = not connection.resumed
                self.connected.set()
                await self._work(connection)
            finally:
                connection.disconnect()
        finally:
            with contextlib.suppress(StoreUnavailable, StoreDamaged):
                await self._lease.release()

    async def _work(self, connection: BrokerConnection) -> None:
        acknowledgements = Acknowledgements(connection)
        relay = JobRelay(self._runtime, connection, Recorder(bridge_build(self._settings)))
        await _until_one_ends(
            self._pump(connection, acknowledgements),
            self._lease.keep(),
            acknowledgements.run(),
            relay.run(),
        )

    async def _pump(self, connection: BrokerConnection, acknowledgements: Acknowledgements) -> None:
        while True:
            await connection.arrived.wait()
            if connection.lost.done():
                raise BrokerUnavailable(connection.lost.result())
            messages = connection.take(_BATCH_SIZE)
            if len(messages) < _BATCH_SIZE:
                # a commit costs as much as many messages: have a few more come along
                await asyncio.sleep(_GATHER_SECONDS)
                messages += connection.take(_BATCH_SIZE - len(messages))
            if not messages:
                continue
            taken = await self._take_in(messages)
            connection.confirm(messages)
            for prepared in taken:
                count(prepared.counts)
                await self._positions.load({device for device, _ in prepared.acked})
                for (device, boot_id), gaps in prepared.acked.items():
                    boot = self._positions.of(device).boot(boot_id)
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
            effects: list[Effect] = [self._lease.held()]
            effects += lineage_records(prepared.records)
            if prepared.devices:
                effects += self._positions.effects(prepared.devices)
            await self._patiently(
                lambda: self._runtime.committer.publish(prepared.outputs, effects)
            )
        return prepared

    async def _patiently(self, act: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Try until it works: nothing that was received is given up because a disk is full."""
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
