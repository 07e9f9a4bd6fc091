"""Makes events, effects and acknowledgements of a batch of messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from lineal.admission import admit
from lineal.bus.claim_check import check_in
from lineal.bus.protocol import Addressed
from lineal.lineage.record import Build, Kind, Record, digest
from lineal.stages.source_digest import source_digest
from lineal.store.objects import SMALL_BYTES, ObjectStore
from lineal_producers.admission_policies import BRIDGE
from lineal_producers.mqtt.connection import Received
from lineal_producers.mqtt.positions import Positions
from lineal_producers.mqtt.reading import DeviceMessage, WrappedEvent, read_message
from lineal_producers.mqtt.records import GROUP, Recorder
from lineal_producers.mqtt.rejections import (
    DeviceMismatch,
    Malformed,
    NotAllowed,
    RejectedMessage,
    Rejections,
)
from lineal_producers.mqtt.settings import MqttSettings
from lineal_producers.mqtt.talk import TalkMessage
from lineal_producers.mqtt.trim import trim
from lineal_schemas.anomalies import AnomalyEvent, FaultRecognised
from lineal_schemas.envelope import RawEvent, now_us, schema_uri
from lineal_schemas.ids import device_session_id
from lineal_schemas.media_types import JSON_MEDIA_TYPE
from lineal_schemas.mqtt_topics import DeviceTopic, parse
from lineal_schemas.payload import Payload, payload_bytes
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    TelemetryGap,
    TelemetryReadings,
)

parse_topic = lru_cache(maxsize=65_536)(parse)

_VERSION = "1"
"""Of the bridge as a build."""
_READINGS, _EVENTS, _EVERYTHING = 1, 2, 4

NOBODY = "unknown"
"""The device of a message whose topic names none."""


@dataclass(slots=True)
class Prepared:
    """What a batch of messages is to be committed as."""

    outputs: list[Addressed] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    devices: set[str] = field(default_factory=set)
    """Whose positions have moved."""
    acked: dict[tuple[str, str], int] = field(default_factory=dict)
    """Device and boot of everything numbered: they are told how far the bus has come. Not 0:
    something is missing, to be sent again."""
    counts: Counter[str] = field(default_factory=Counter)
    """Messages by what became of them; ``rows``: readings taken."""

    def add(self, event: RawEvent, record: Record) -> None:
        """Add an event to be published."""
        self.outputs.append((event.type, event))
        self.records.append(record)

    def acknowledge(self, device: str, boot_id: str, stream: int, kind: str) -> bool:
        """Note what became of a message of a stream; whether it is to be taken."""
        self.counts[kind] += 1
        gaps = self.acked.get((device, boot_id), 0)
        if kind == "early":
            gaps |= stream
        elif kind != "duplicate":
            gaps &= ~stream
            self.devices.add(device)
        self.acked[device, boot_id] = gaps
        return kind not in ("early", "duplicate")


class MessageIngest:
    """Ingests messages in the order in which they came."""

    def __init__(
        self,
        positions: Positions,
        objects: ObjectStore,
        recorder: Recorder,
        *,
        message_bytes: int,
        talk_as: str | None = None,
    ) -> None:
        self._positions = positions
        self._objects = objects
        self._recorder = recorder
        self._rejections = Rejections(recorder)
        self._message_bytes = message_bytes
        self._talk_as = talk_as
        self.missed_something = False
        """Set when the broker had lost our session: of devices that are connected (the retained
        births tell) messages may be lost, and they would only find out after a while."""

    async def prepare(self, messages: Sequence[Received]) -> Prepared:
        """Check messages and move the positions, in memory, by what is taken.

        Raises:
            StoreUnavailable, OSError: a position cannot be read, or there is no room
                for large data. All positions in memory are forgotten: try again from the beginning.
        """
        try:
            return await self._prepare(messages)
        except BaseException:
            self._positions.forget()
            raise

    async def _prepare(self, messages: Sequence[Received]) -> Prepared:
        topics = [parse_topic(received.topic) for received in messages]
        read = [
            self._read(received, topic) for received, topic in zip(messages, topics, strict=True)
        ]
        await self._positions.load_devices({topic.device for topic in topics if topic is not None})
        await self._positions.load({boot for one in read if (boot := _numbered(one)) is not None})
        prepared = Prepared()
        for received, topic, message in zip(messages, topics, read, strict=True):
            self._recorder.begin()
            if isinstance(message, RejectedMessage):
                self._reject(received, topic, message, prepared)
            elif message is not None:
                try:
                    self._take(message, received.payload, prepared)
                except RejectedMessage as error:
                    self._reject(received, topic, error, prepared)
                if self.missed_something and received.retained and isinstance(message, DeviceBirth):
                    prepared.acked[message.device, message.boot_id] = _EVERYTHING
        prepared.outputs = [
            output if len(output[1].data) <= SMALL_BYTES
            else (output[0], await check_in(output[1], self._objects))
            for output in prepared.outputs
        ]  # fmt: skip
        return prepared

    def _read(
        self, received: Received, topic: DeviceTopic | None
    ) -> DeviceMessage | RejectedMessage | None:
        """What a message says, or why it is rejected; None: nothing."""
        if topic is None:
            return Malformed("the topic is none of a device's")
        if not received.payload and topic.name == "status":
            return None  # the retained state was cleared
        try:
            found = read_message(topic.name, topic.device, received.payload, self._message_bytes)
        except RejectedMessage as error:
            return error
        if isinstance(found, TalkMessage) and self._talk_as is None:
            return NotAllowed("devices do not talk here: [mqtt] talk_as names no user")
        return found

    def reject(self, received: Received, error: RejectedMessage) -> Prepared:
        """The dead letter of a message that could be read and cannot be published."""
        prepared = Prepared()
        self._recorder.begin()
        self._reject(received, parse_topic(received.topic), error, prepared)
        return prepared

    def _reject(
        self,
        received: Received,
        topic: DeviceTopic | None,
        error: RejectedMessage,
        prepared: Prepared,
    ) -> None:
        prepared.counts["refused"] += 1
        device = topic.device if topic is not None else NOBODY
        kept = self._rejections.keep(received.topic, received.payload, device, error)
        if kept is not None:
            letter, record = kept
            prepared.outputs.append(letter)
            prepared.records.append(record)

    def _take(self, message: DeviceMessage, data: bytes, prepared: Prepared) -> None:
        if isinstance(message, TelemetryReadings | TelemetryGap):
            self._ingest_range(message, data, prepared)
        elif isinstance(message, WrappedEvent):
            self._ingest_event(message, data, prepared)
        elif isinstance(message, TalkMessage):
            self._ingest_utterance(message, prepared)
        elif isinstance(message, DeviceBirth | DeviceDeath):
            self._ingest_state(message, data, prepared)
        else:
            prepared.counts["health"] += 1
            event = _event(message, message.event_id, data)
            prepared.outputs.append((message.type, event))

    def _ingest_range(
        self, message: TelemetryReadings | TelemetryGap, data: bytes, prepared: Prepared
    ) -> None:
        device, boot_id = message.device, message.boot_id
        position = self._positions.boot(device, boot_id).readings
        verdict = position.take(message.first_seq, message.last_seq)
        if not prepared.acknowledge(device, boot_id, _READINGS, verdict.kind):
            return
        original: tuple[bytes, ...] = ()
        if verdict.kind == "hole":
            missing = TelemetryGap(
                device=device,
                boot_id=boot_id,
                first_seq=verdict.expected,
                last_seq=message.first_seq - 1,
                reason="unexplained",
                found_by="bridge",
                wall_us=now_us(),
            )
            self._put_range(missing, payload_bytes(missing), (), prepared)
        elif verdict.kind == "overlap":
            original = (data,)
            message = trim(message, verdict.expected)
            data = payload_bytes(message)
        self._put_range(message, data, original, prepared)

    def _put_range(
        self,
        message: TelemetryReadings | TelemetryGap,
        data: bytes,
        original: Sequence[bytes],
        prepared: Prepared,
    ) -> None:
        event = _event(message, message.event_id, data)
        attributes: dict[str, int | str] = {
            "boot": message.boot_id,
            "first_seq": message.first_seq,
            "last_seq": message.last_seq,
        }
        kind: Kind = "step"
        if isinstance(message, TelemetryGap):
            kind = "gap"
            attributes |= {"reason": message.reason, "found_by": message.found_by}
            prepared.counts["lost"] += message.count
        else:
            prepared.counts["rows"] += message.count
        record = self._recorder.record(
            event.correlationid, kind=kind, inputs=original, outputs=[event], attributes=attributes
        )
        prepared.add(event, record)

    def _ingest_event(self, message: WrappedEvent, data: bytes, prepared: Prepared) -> None:
        wrapper, payload = message
        device = wrapper.device
        boot = self._positions.boot(device, wrapper.boot_id)
        verdict = boot.events.take(wrapper.event_seq, wrapper.event_seq)
        if not prepared.acknowledge(device, wrapper.boot_id, _EVENTS, verdict.kind):
            return
        if verdict.kind == "hole":
            # the device's disk was full, or its outbox damaged: events have no gap of their own
            correlation_id = f"device:{device}"
            missing: dict[str, int | str] = {
                "boot": wrapper.boot_id,
                "first_event": verdict.expected,
                "last_event": wrapper.event_seq - 1,
                "reason": "unexplained",
            }
            record = self._recorder.record(correlation_id, kind="gap", attributes=missing)
            prepared.records.append(record)
        if isinstance(payload, AnomalyEvent):
            boot.anomaly = payload.anomaly_id
        elif isinstance(payload, FaultRecognised) and payload.anomaly_id != boot.anomaly:
            # its number is taken all the same: what comes behind it is not to wait
            raise DeviceMismatch("a fault of an anomaly that this device did not open last")
        event = _event(payload, wrapper.event_id, payload_bytes(payload))
        attributes: dict[str, int | str] = {"boot": wrapper.boot_id, "event": wrapper.event_seq}
        record = self._recorder.record(
            f"device:{device}", inputs=[data], outputs=[event], attributes=attributes
        )
        prepared.add(event, record)

    def _ingest_utterance(self, message: TalkMessage, prepared: Prepared) -> None:
        prepared.counts["utterance"] += 1
        said = message.event()
        event = _event(
            said, message.event_id, payload_bytes(said), message.device, f"user:{self._talk_as}"
        )
        record = self._recorder.record(event.correlationid, outputs=[event])
        prepared.add(event, record)

    def _ingest_state(
        self, message: DeviceBirth | DeviceDeath, data: bytes, prepared: Prepared
    ) -> None:
        position = self._positions.of(message.device)
        content = sha256(data).hexdigest()
        if position.status == content:
            prepared.counts["duplicate"] += 1
            return
        prepared.counts["status"] += 1
        prepared.devices.add(message.device)
        identifier = message.event_id
        if position.session == identifier and isinstance(message, DeviceBirth):
            # the same session, but other models run now
            kind = f"birth {message.monotonic_us}"
            identifier = device_session_id(message.device, message.boot_id, message.session, kind)
        else:
            position.session = identifier
        position.status = content
        event = _event(message, identifier, data)
        attributes: dict[str, int | str] = {"boot": message.boot_id, "session": message.session}
        record = self._recorder.record(event.correlationid, outputs=[event], attributes=attributes)
        prepared.add(event, record)


def _numbered(message: DeviceMessage | RejectedMessage | None) -> tuple[str, str] | None:
    """Device and boot of a message that has a number in a stream."""
    if isinstance(message, TelemetryReadings | TelemetryGap):
        return message.device, message.boot_id
    if isinstance(message, WrappedEvent):
        return message.wrapper.device, message.wrapper.boot_id
    return None


def _event(
    payload: Payload,
    identifier: str,
    data: bytes,
    device: str | None = None,
    actor: str | None = None,
) -> RawEvent:
    """The event of a payload that is encoded already; of the device that it names, unless another
    one is given, which is also who has sent it."""
    correlation_id = payload.correlation_key() or identifier
    if device is None:
        device = getattr(payload, "device", NOBODY)
    event = RawEvent(
        identifier,
        f"device:{device}",
        payload.type,
        correlation_id,
        now_us(),
        JSON_MEDIA_TYPE,
        schema_uri(payload.type, payload.version),
        payload.partition_key() or identifier,
        None,
        None,
        correlation_id,
        data,
    )
    return admit(event, BRIDGE, payload=payload, actor=actor or event.source)


def bridge_build(settings: MqttSettings) -> Build:
    """The build of the ingest: its code, and the settings that its results depend on."""
    decides = f"{settings.gap_confirmations} {settings.message_bytes}"
    return Build(GROUP, _VERSION, source_digest(MessageIngest.prepare), digest(decides.encode()))
