"""Relays jobs, answers to reports and about anomalies, and replies of conversations, from the bus
to devices.

An event is acknowledged when the broker has confirmed its message. A job's notice is retained, so a
device that is away finds it when it comes back, and further ones one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import structlog

from lineal.bus.protocol import AssignmentLost, Delivery, Subscription
from lineal.errors import PermanentFailure
from lineal.runtime import Runtime
from lineal.stages.dead_letter import dead_letter_of
from lineal.stages.decoding import decode_event
from lineal.stages.pipeline.marks import check_mark
from lineal.stages.result import StepResult, to_batch
from lineal.stages.retry import unavailable
from lineal_producers.mqtt.connection import BrokerConnection
from lineal_producers.mqtt.effects import NoticePut
from lineal_producers.mqtt.job_queue import JobQueue
from lineal_producers.mqtt.records import GROUP, Recorder
from lineal_producers.mqtt.rows import get_row
from lineal_producers.mqtt.talk import reply_to_device
from lineal_schemas.anomalies import AnomalyAnswered
from lineal_schemas.conversations import UtteranceReplied
from lineal_schemas.deployments import DeploymentJobIssued, DeploymentJobReplied
from lineal_schemas.mqtt_topics import anomaly_answer, jobs_notify, jobs_update_reply, talk_reply

log = structlog.get_logger(__name__)

_BATCH_SIZE = 100
_WAIT_SECONDS = 1.0

TOPICS = (
    DeploymentJobIssued.type,
    DeploymentJobReplied.type,
    AnomalyAnswered.type,
    UtteranceReplied.type,
)


class JobRelay:
    """Reads the bus for the devices behind one connection."""

    def __init__(self, runtime: Runtime, connection: BrokerConnection, recorder: Recorder) -> None:
        self._runtime = runtime
        self._connection = connection
        self._recorder = recorder

    async def run(self) -> None:
        """Relay until cancelled.

        Raises:
            BrokerUnavailable: the connection has ended; what was not confirmed comes again.
            BusUnavailable, StoreUnavailable: the bus or the store is away.
        """
        subscription = await self._runtime.bus.subscribe(GROUP, TOPICS)
        try:
            while True:
                deliveries = await subscription.fetch(_BATCH_SIZE, _WAIT_SECONDS)
                if deliveries:
                    await self._relay(subscription, deliveries)
        finally:
            await subscription.close()

    async def _relay(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> None:
        left = list(deliveries)
        commit = self._runtime.committer.commit_of(subscription)
        try:
            # one after the other: a job and what replaces it must not overtake each other
            for delivery in deliveries:
                result = await self._handle(delivery)
                with contextlib.suppress(AssignmentLost):
                    await commit(to_batch([result]))
                left.remove(delivery)
        except BaseException:
            subscription.release(left)
            raise

    async def _handle(self, delivery: Delivery) -> StepResult:
        self._recorder.begin()
        try:
            if (marks := self._runtime.marks) is not None:
                await check_mark(delivery, marks, self._runtime.broker_types)
            message = decode_event(delivery.event)
            if isinstance(message, DeploymentJobIssued):
                return await self._notify(delivery, message)
            if isinstance(message, AnomalyAnswered):
                body = message.model_dump_json().encode()
                await self._connection.deliver(anomaly_answer(message.device), body, retain=True)
                return StepResult(delivery)
            if isinstance(message, UtteranceReplied):
                if (found := reply_to_device(delivery.event, message)) is not None:
                    device, reply = found
                    body = reply.model_dump_json().encode()
                    await self._connection.deliver(talk_reply(device), body)
                return StepResult(delivery)
            if not isinstance(message, DeploymentJobReplied):
                raise PermanentFailure(f"the bridge does not relay {message.type}")
            body = message.reply.model_dump_json().encode()
            await self._connection.deliver(jobs_update_reply(message.device), body)
        except Exception as error:
            if unavailable(error):
                raise
            log.error("bridge.relay_failed", event_id=delivery.event.id, error=str(error))
            record = self._recorder.record(delivery.event.correlationid)
            return dead_letter_of(GROUP, delivery, record, error, 1)
        return StepResult(delivery)

    async def _notify(self, delivery: Delivery, message: DeploymentJobIssued) -> StepResult:
        row = f"notify/{message.device}"
        kept = await self._runtime.store.read(lambda c: get_row(c, row))
        queue = JobQueue.from_row(kept).after(message.job)
        if queue is None:
            return StepResult(delivery)  # brought twice, and out of date
        body = queue.notice().model_dump_json().encode()
        await self._connection.deliver(jobs_notify(message.device), body, retain=True)
        return StepResult(delivery, effects=[NoticePut(row, queue.to_row())])
