"""Handles messages from the server to the device."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pydantic import ValidationError

from lineal_schemas import mqtt_topics
from lineal_schemas.anomalies import AnomalyAnswered
from lineal_schemas.deployments import JobNotice, JobReply
from lineal_schemas.telemetry import TelemetryAck

log = logging.getLogger(__name__)


class Downlink:
    """Reads messages and hands them on; called on the network's thread, and never raises."""

    def __init__(
        self,
        device: str,
        *,
        acknowledged: Callable[[TelemetryAck], None],
        notified: Callable[[JobNotice], None],
        replied: Callable[[JobReply], None],
        answered: Callable[[AnomalyAnswered], None] = lambda _: None,
    ) -> None:
        """All of them must return at once."""
        self._device = device
        self._acknowledged = acknowledged
        self._notified = notified
        self._replied = replied
        self._answered = answered

    def received(self, topic: str, body: bytes) -> None:
        """One message; those that are not for this device or cannot be read are left alone."""
        known = mqtt_topics.parse(topic)
        if known is None or known.device != self._device:
            return
        try:
            if known.name == "ack":
                ack = TelemetryAck.model_validate_json(body)
                if ack.device == self._device:
                    self._acknowledged(ack)
            elif known.name == "jobs/notify":
                self._notified(JobNotice.model_validate_json(body) if body else JobNotice())
            elif known.name == "jobs/update/reply":
                self._replied(JobReply.model_validate_json(body))
            elif known.name == "anomalies/answer" and body:
                answer = AnomalyAnswered.model_validate_json(body)
                if answer.device == self._device:
                    self._answered(answer)
        except ValidationError as error:
            log.warning("%s: a message that cannot be read: %s", topic, error)
        except Exception:
            log.exception("%s: a message could not be handled", topic)


def merged(known: TelemetryAck | None, ack: TelemetryAck) -> TelemetryAck:
    """Two acknowledgements of one boot as one: both are cumulative, so the higher numbers hold. A
    hole is closed only by an acknowledgement that goes beyond it."""
    if known is None:
        return ack
    beyond = ack.upto_seq > known.upto_seq or ack.upto_event > known.upto_event
    return ack.model_copy(
        update={
            "upto_seq": max(known.upto_seq, ack.upto_seq),
            "upto_event": max(known.upto_event, ack.upto_event),
            "resend": ack.resend or (known.resend and not beyond),
        }
    )
