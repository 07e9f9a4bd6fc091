"""Publishes rows of the outbox to the broker, and handles acknowledgements.

The broker's PUBACK only means that the broker has a message. What counts is the acknowledgement
that the bridge sends after the bus has it; until then a message is in flight, and at most
``in_flight`` of them are. A reconnect begins anew with the oldest that is not acknowledged.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence

from lineal_edge.backoff import Backoff
from lineal_edge.batches import Message, first_message, gap_body
from lineal_edge.clock import Clock
from lineal_edge.connection import Connection, NotConnected
from lineal_edge.downlink import Downlink, merged
from lineal_edge.in_flight import InFlight
from lineal_edge.outbox import Outbox
from lineal_edge.rows import GapRow, StreamRow
from lineal_edge.settings import Broker, Publishing
from lineal_schemas import mqtt_topics
from lineal_schemas.anomalies import AnomalyAnswered
from lineal_schemas.deployments import JobNotice, JobReply
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import DeviceBirth, DeviceDeath, DeviceHealth, TelemetryAck

log = logging.getLogger(__name__)

_MAX_RESEND_SECONDS = 600.0
_ASKED_SECONDS = 2.0
_EVENTS_AHEAD = 2
_HEADER_BYTES = 200
"""Of a packet, at most: a topic with the longest device name."""
_STEADY_SECONDS = 10.0
"""A connection that lasted this long was a good one: the next wait begins short."""


class Publisher:
    """A thread that keeps a connection and empties the outbox into it, events first."""

    def __init__(
        self,
        outbox: Outbox,
        broker: Broker,
        settings: Publishing,
        *,
        clock: Clock,
        birth: Callable[[int], DeviceBirth],
        notified: Callable[[JobNotice], None],
        replied: Callable[[JobReply], None],
        answered: Callable[[AnomalyAnswered], None] = lambda _: None,
    ) -> None:
        """``birth`` makes the birth of the n-th session; ``notified`` and ``replied`` are called
        with what the server says about jobs, ``answered`` with what people say of anomalies; they
        must return at once."""
        self._outbox = outbox
        self._broker = broker
        self._settings = settings
        self._clock = clock
        self._birth = birth
        self._downlink = Downlink(
            outbox.device,
            acknowledged=self._take_ack,
            notified=notified,
            replied=replied,
            answered=answered,
        )
        self._changed = threading.Condition()
        self._news = False
        self._acks: dict[str, TelemetryAck] = {}
        self._announce = False
        self._stopping = False
        self._session = 0
        self._connection: Connection | None = None
        self._stream = InFlight()
        self._events = InFlight()
        self._stream_row = 0
        self._event_row = 0
        self._waiting = (0, 0.0)
        self._resend_after = settings.resend_after
        self._progress_at = 0.0
        self._asked: tuple[str, int, int] | None = None
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Say goodbye and end; what is not acknowledged stays in the outbox."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def wake(self) -> None:
        """There is something new in the outbox."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def announce(self) -> None:
        """Send the birth again, since another model scores now."""
        with self._changed:
            self._announce = True
            self._changed.notify_all()

    def report_health(self, health: DeviceHealth) -> None:
        """Send the counters if there is a connection; they are not kept for later."""
        connection = self._connection
        if connection is not None and connection.alive:
            try:
                topic = mqtt_topics.health(self._outbox.device)
                connection.publish(topic, payload_bytes(health), qos=0)
            except NotConnected:
                pass

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.alive

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        backoff = Backoff(self._settings.backoff_first, self._settings.backoff_max)
        while not self._stopping:
            began = time.monotonic()
            try:
                self._connection = self._connect()
                self._serve(self._connection)
            except OSError as error:
                log.warning("no connection to %s: %s", self._broker.host, error)
            except sqlite3.Error as error:
                log.error("the outbox cannot be read: %s", error)
            except Exception:
                log.exception("the publisher has failed; it begins anew")
            finally:
                self._disconnect()
            if time.monotonic() - began > _STEADY_SECONDS:
                backoff.reset()
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, backoff.next())

    def _connect(self) -> Connection:
        self._session += 1
        device = self._outbox.device
        connection = Connection(
            device,
            self._broker,
            in_flight=self._settings.in_flight,
            will=(mqtt_topics.status(device), self._death("lost")),
            subscriptions=[mqtt_topics.device_topic(device, name) for name in mqtt_topics.DOWN],
            on_message=self._downlink.received,
            on_change=self.wake,
        )
        log.info("connected to %s:%d", self._broker.host, self._broker.port)
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            goodbye = (mqtt_topics.status(self._outbox.device), self._death("stopped"))
            connection.close(goodbye if self._stopping else None)

    def _death(self, reason: str) -> bytes:
        death = DeviceDeath(
            device=self._outbox.device,
            boot_id=self._outbox.boot_id,
            session=self._session,
            reason="stopped" if reason == "stopped" else "lost",
        )
        return payload_bytes(death)

    def _serve(self, connection: Connection) -> None:
        self._rewind()
        self._resend_after = self._settings.resend_after
        self._announce = True
        while connection.alive and not self._stopping:
            with self._changed:
                announce, self._announce = self._announce, False
                acks, self._acks = self._acks, {}
                self._news = False
            if announce:
                birth = payload_bytes(self._birth(self._session))
                connection.publish(mqtt_topics.status(self._outbox.device), birth, retain=True)
            for ack in acks.values():
                self._acknowledge(connection, ack)
            if self._stalled():
                log.warning("no acknowledgement for %.0f s: sending again", self._resend_after)
                self._resend_after = min(_MAX_RESEND_SECONDS, self._resend_after * 2)
                self._rewind()
            sent_event = self._send_event(connection)
            wait = 0.0 if sent_event else self._send_stream(connection)
            if wait > 0:
                with self._changed:
                    self._changed.wait_for(self._has_work, wait)

    def _has_work(self) -> bool:
        return self._news or bool(self._acks) or self._announce or self._stopping

    def _rewind(self) -> None:
        self._stream.clear()
        self._events.clear()
        self._stream_row = self._event_row = 0
        self._progress_at = time.monotonic()

    def _stalled(self) -> bool:
        waiting = len(self._stream) + len(self._events)
        return waiting > 0 and time.monotonic() - self._progress_at > self._resend_after

    def _acknowledge(self, connection: Connection, ack: TelemetryAck) -> None:
        self._outbox.acknowledge(ack.boot_id, ack.upto_seq, ack.upto_event)
        readings = self._stream.acknowledge(ack.boot_id, ack.upto_seq)
        events = self._events.acknowledge(ack.boot_id, ack.upto_event)
        if readings or events:
            self._progress_at = time.monotonic()
            self._resend_after = self._settings.resend_after
        if ack.resend:
            self._send_again(connection, ack)

    def _send_again(self, connection: Connection, ack: TelemetryAck) -> None:
        """The broker has lost messages on the way to the bridge. What was in flight behind them
        asks for the same once more each: one time is enough."""
        asked = (ack.boot_id, ack.upto_seq, ack.upto_event)
        now = time.monotonic()
        if asked == self._asked and now - self._asked_at < _ASKED_SECONDS:
            return
        self._asked, self._asked_at = asked, now
        log.info("the bus misses what follows %d: sending again", ack.upto_seq)
        missing = self._outbox.gap_after(ack.boot_id, ack.upto_seq)
        if missing is not None:
            gap = GapRow(0, ack.boot_id, *missing, self._clock.wall_us(), "unexplained")
            topic = mqtt_topics.readings(self._outbox.device)
            connection.publish(topic, gap_body(self._outbox.device, gap))
        self._rewind()

    def _sent(self, stream: InFlight, boot_id: str, last: int) -> None:
        if not len(self._stream) + len(self._events):
            self._progress_at = time.monotonic()
        stream.add(boot_id, last)

    def _window_open(self, connection: Connection, extra: int = 0) -> bool:
        return len(self._stream) + len(self._events) < connection.window + extra

    def _send_event(self, connection: Connection) -> bool:
        """Send the next event, if there is one; whether there was."""
        # an anomaly need not wait for the readings of a backlog to be confirmed
        if not self._window_open(connection, extra=_EVENTS_AHEAD):
            return False
        for event in self._outbox.events_after(self._event_row, 1):
            topic = mqtt_topics.device_topic(self._outbox.device, event.topic)
            connection.publish(topic, event.body)
            self._event_row = event.id
            self._sent(self._events, event.boot_id, event.seq)
            return True
        return False

    def _send_stream(self, connection: Connection) -> float:
        """Send the next message of the readings stream, if it is due; seconds until it is worth
        looking again."""
        if not self._window_open(connection):
            return 1.0
        settings = self._settings
        rows = self._outbox.stream_after(self._stream_row, settings.backlog_rows)
        message = first_message(self._outbox.device, rows)
        if message is None:
            return 1.0
        due = message.complete or message.rows >= settings.batch_rows
        if not due and message.boot_id == self._outbox.boot_id:
            age = self._age(rows[0].id, message)
            if age < settings.wait:
                return max(0.001, settings.wait - age)
        message = self._small_enough(message, rows, connection)
        connection.publish(mqtt_topics.readings(self._outbox.device), message.body)
        self._stream_row = message.last_row
        self._sent(self._stream, message.boot_id, message.last_seq)
        return 0.0

    def _age(self, first_row: int, message: Message) -> float:
        """Seconds that a message has waited for more: since its first reading was measured, or, as
        readings of another clock may be from any time, at least since it was first seen here."""
        if first_row != self._waiting[0]:
            self._waiting = (first_row, time.monotonic())
        measured = (self._clock.monotonic_us() - message.oldest_us) / 1e6
        return max(measured, time.monotonic() - self._waiting[1])

    def _small_enough(
        self, message: Message, rows: Sequence[StreamRow], connection: Connection
    ) -> Message:
        """The message, or the begin of it where the broker would hang up on the whole."""
        most = self._settings.message_bytes
        if connection.largest_message is not None:
            most = min(most, connection.largest_message - _HEADER_BYTES)
        while len(message.body) > most and message.rows > 1:
            smaller = first_message(self._outbox.device, rows[: message.rows // 2])
            if smaller is None:
                break
            message = smaller
        return message

    def _take_ack(self, ack: TelemetryAck) -> None:
        with self._changed:
            self._acks[ack.boot_id] = merged(self._acks.get(ack.boot_id), ack)
            self._changed.notify_all()
