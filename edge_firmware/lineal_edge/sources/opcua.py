"""Reads nodes of an OPC UA server: each period, or as they change."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from lineal_edge.backoff import Backoff
from lineal_edge.sources.held_values import HeldValues
from lineal_edge.sources.kinds import SourceKind
from lineal_edge.sources.settings import ChannelSettings, ChannelSource, channels_of
from lineal_edge.sources.source import Sample, SourceCounts

if TYPE_CHECKING:
    from asyncua.client.client import Client
    from asyncua.common.node import Node

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_POLICIES = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
_MODES = ("Sign", "SignAndEncrypt")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class OpcUaNode(ChannelSource):
    """The node that a channel is."""

    node: str
    """Its id, such as ``ns=2;s=Pump.Pressure`` or ``ns=2;i=17``."""
    scale: float = 1.0
    offset: float = 0.0
    """The value is number times scale plus offset."""


class OpcUaSource(ChannelSettings):
    """Nodes of an OPC UA server, each period or as they change."""

    kind: Literal["opcua"]
    url: str
    """Such as ``opc.tcp://plc.example.com:4840``."""
    mode: Literal["poll", "subscription"] = "poll"
    """``poll``: all nodes each period, which is what models are scored on; ``subscription``: a
    reading whenever a node changes, at the time that the server says."""
    rate_hz: Annotated[float, Field(gt=0)] | None = None
    """Of ``poll``; none: as the machine file says, or once a second. Of ``subscription``: how often
    the server looks at its nodes; none: ten times a second."""
    security: str | None = None
    """``POLICY,MODE,CERTIFICATE,KEY[,SERVER]``, such as
    ``Basic256Sha256,SignAndEncrypt,cert.pem,key.pem,server.pem``; none: not encrypted. Without the
    server's certificate whichever the server shows is believed."""
    user: str | None = None
    password_file: Path | None = None
    timeout: Annotated[float, Field(gt=0)] = 4.0
    """Seconds without an answer after which a request has failed."""
    channels: dict[str, OpcUaNode] = Field(default_factory=dict)

    @field_validator("security")
    @classmethod
    def _names_what_there_is(cls, security: str | None) -> str | None:
        parts = [] if security is None else security.split(",")
        if security is None:
            return None
        if len(parts) not in (4, 5) or parts[0] not in _POLICIES or parts[1] not in _MODES:
            raise ValueError(
                f"it is POLICY,MODE,CERTIFICATE,KEY[,SERVER], with a policy of "
                f"{', '.join(_POLICIES)} and a mode of {', '.join(_MODES)}"
            )
        return security

    @model_validator(mode="after")
    def _user_has_a_password(self) -> OpcUaSource:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file go together")
        return self


class _Change(NamedTuple):
    """A node's value at a time."""

    wall_us: int
    channel: int
    value: float


class OpcUa:
    """Goes on with changes where it was, as far as the server keeps a history of its nodes: those
    are read from there that happened while the agent, or the connection, was away."""

    def __init__(self, settings: OpcUaSource, *, backoff: Backoff | None = None) -> None:
        """
        Raises:
            BadMachine: the machine file cannot be used.
            ModuleNotFoundError: asyncua is not installed.
            ValueError: there are no channels, or one is no id of a node.
            OSError: a key or certificate cannot be read.
        """
        from asyncua import ua

        # it logs every notification
        logging.getLogger("asyncua").setLevel(logging.WARNING)
        self.counts = SourceCounts()
        """Bad lines are values that the server says are bad, or that are no numbers."""
        self._settings = settings
        self._channels: Mapping[str, OpcUaNode] = channels_of(
            settings, settings.channels, OpcUaNode
        )
        if not self._channels:
            raise ValueError("channels: name the nodes, or a machine whose channels do")
        for name, channel in self._channels.items():
            try:
                ua.NodeId.from_string(channel.node)
            except Exception as error:  # the library has several for it
                raise ValueError(
                    f"channels.{name}.node: {channel.node!r} is no id of a node"
                ) from error
        if settings.security is not None:
            for file in settings.security.split(",")[2:]:
                Path(file.partition("::")[0]).read_bytes()  # missing now, or never noticed
        self.features = tuple(self._channels)
        usual = 1.0 if settings.mode == "poll" else 10.0
        self._rate = settings.rate_hz or settings.rate() or usual
        self._closed = threading.Event()
        self._backoff = backoff or Backoff(first=0.2, limit=10.0)
        self._held = HeldValues(self.features)
        self._at = [0] * len(self.features)
        """When the last change of each channel was, that a sample was made of."""
        self._complained: set[str] = set()

    @property
    def name(self) -> str:
        return f"opcua:{self._settings.mode}:{self._settings.url}"

    def committed(self, position: str) -> None:
        pass  # the server's history remains

    def close(self) -> None:
        self._closed.set()

    def samples(self, after: str | None) -> Iterator[Sample]:
        if after:
            at, held = json.loads(after)
            if len(at) == len(self._at):
                self._at = at
                self._held.restore(held)
        loop = asyncio.new_event_loop()
        samples = self._connections()
        try:
            while True:
                # the connection is served while a sample is waited for; a consumer that takes
                # longer than the session lives makes it begin anew, and the history is read
                sample = loop.run_until_complete(anext(samples, None))
                if sample is None:
                    return
                yield sample
        finally:
            loop.run_until_complete(samples.aclose())
            loop.close()

    async def _connections(self) -> AsyncGenerator[Sample, None]:
        from asyncua.ua.uaerrors import UaError
        from cryptography.exceptions import InvalidSignature

        opened = False
        while not self._closed.is_set():
            try:
                client = await self._client()
                async with client:
                    self.counts.reconnects += int(opened)
                    opened = True
                    log.info("connected to %s", self._settings.url)
                    nodes = [client.get_node(one.node) for one in self._channels.values()]
                    polled = self._settings.mode == "poll"
                    taken = self._polled(client, nodes) if polled else self._changes(client, nodes)
                    async for sample in taken:
                        self._backoff.reset()
                        yield sample
            except (UaError, OSError, asyncio.TimeoutError, InvalidSignature) as error:
                log.warning("%s: %s", self._settings.url, error or type(error).__name__)
            await self._wait(self._backoff.next())

    async def _client(self) -> Client:
        from asyncua.client.client import Client

        settings = self._settings
        client = Client(settings.url, timeout=settings.timeout)
        if settings.security is not None:
            if uri := _uri_of(Path(settings.security.split(",")[2])):
                client.application_uri = uri  # servers compare it with the certificate's
            await client.set_security_string(settings.security)
        if settings.user is not None and settings.password_file is not None:
            client.set_user(settings.user)
            client.set_password(settings.password_file.read_text(encoding="utf-8").rstrip("\n"))
        return client

    async def _wait(self, seconds: float) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        # closed from another thread, which an event of this loop cannot be set from
        while not self._closed.is_set() and (left := end - clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, _LOOK_SECONDS))

    async def _polled(self, client: Client, nodes: Sequence[Node]) -> AsyncIterator[Sample]:
        clock = asyncio.get_running_loop().time
        due = clock()
        while not self._closed.is_set():
            found = await client.read_attributes(nodes)
            values = tuple(self._value(index, one) for index, one in enumerate(found))
            yield Sample(values, None, "")
            # what was missed while nobody took readings is not measured in a hurry afterwards
            due = max(due + 1 / self._rate, clock() - 1 / self._rate)
            await self._wait(due - clock())

    async def _changes(self, client: Client, nodes: Sequence[Node]) -> AsyncIterator[Sample]:
        from asyncua.ua import Double

        waiting: asyncio.Queue[_Change] = asyncio.Queue()
        index_of = {node.nodeid: index for index, node in enumerate(nodes)}

        class Handler:
            """Takes what the server says has changed."""

            def datachange_notification(_, node: Node, _value: Any, data: Any) -> None:
                index = index_of[node.nodeid]
                waiting.put_nowait(self._change(index, data.monitored_item.Value))

            def status_change_notification(_, status: Any) -> None:
                log.warning("%s: the subscription is %s", self._settings.url, status)

        subscription = await client.create_subscription(1000 / self._rate, Handler())
        await subscription.subscribe_data_change(
            list(nodes), queuesize=1000, sampling_interval=Double(1000 / self._rate)
        )
        # subscribed before: what changes while the history is read comes twice, not never
        for change in await self._missed(nodes):
            waiting.put_nowait(change)
        while not self._closed.is_set():
            try:
                found = [await asyncio.wait_for(waiting.get(), 1.0)]
            except asyncio.TimeoutError:
                await client.check_connection()
                if self._closed.is_set():
                    return
                continue
            while not waiting.empty():
                found.append(waiting.get_nowait())
            for sample in self._samples(found):
                yield sample

    def _samples(self, changes: Sequence[_Change]) -> Iterator[Sample]:
        """Changes of one time are one reading; one that is known is none."""
        by_time: dict[int, dict[int, float]] = {}
        for change in sorted(changes, key=lambda one: (one.wall_us, one.channel)):
            by_time.setdefault(change.wall_us, {})[change.channel] = change.value
        for wall_us, together in by_time.items():
            new = {index: one for index, one in together.items() if wall_us > self._at[index]}
            self.counts.duplicates += len(together) - len(new)
            if not new:
                continue
            for index in new:
                self._at[index] = wall_us
            values = self._held.update({self.features[index]: one for index, one in new.items()})
            yield Sample(values, wall_us, json.dumps([self._at, self._held.state()]))

    async def _missed(self, nodes: Sequence[Node]) -> list[_Change]:
        """What changed since the last sample, of nodes that the server keeps a history of."""
        from asyncua.ua.uaerrors import UaStatusCodeError

        found: list[_Change] = []
        for index, (node, last) in enumerate(zip(nodes, self._at, strict=True)):
            if not last:
                continue
            begin = _EPOCH + timedelta(microseconds=last)
            # the server's clock may be ahead of ours
            end = datetime.now(timezone.utc) + timedelta(days=1)
            try:
                history = await node.read_raw_history(begin, end, return_bounds=False)
                why = "" if history else "nothing is in it"  # the last one would be
            except UaStatusCodeError as error:
                history, why = [], str(error)
            if why:
                self._complain(
                    f"no history of {self.features[index]} ({why}): what changed while there was "
                    "no connection is not known"
                )
            found += [self._change(index, one) for one in history if one.SourceTimestamp]
        return found

    def _change(self, index: int, data: Any) -> _Change:
        moment = data.SourceTimestamp or data.ServerTimestamp or datetime.now(timezone.utc)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        wall_us = (moment - _EPOCH) // timedelta(microseconds=1)
        return _Change(wall_us, index, self._value(index, data))

    def _value(self, index: int, data: Any) -> float:
        """A number, or NaN where the server says it is bad, or it is none."""
        name = self.features[index]
        status, value = data.StatusCode, None if data.Value is None else data.Value.Value
        if status is not None and not status.is_good():
            self.counts.bad_lines += 1
            self._complain(f"{name} is {status.name}")
            return math.nan
        if not isinstance(value, (bool, int, float)):
            self.counts.bad_lines += 1
            self._complain(f"{name} is no number but {type(value).__name__}")
            return math.nan
        channel = self._channels[name]
        return float(value) * channel.scale + channel.offset

    def _complain(self, text: str) -> None:
        """Once, not with every reading."""
        if text not in self._complained:
            self._complained.add(text)
            log.warning("%s: %s", self._settings.url, text)


def _uri_of(certificate: Path) -> str | None:
    """The application that a certificate is of; None where it does not say.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    from cryptography import x509

    data = certificate.read_bytes()
    pem = data.lstrip().startswith(b"-----BEGIN")
    read = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
    try:
        names = read(data).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)


def _open(settings: OpcUaSource, _device: str) -> OpcUa:
    return OpcUa(settings)


KIND = SourceKind(OpcUaSource, _open, extra="opcua", libraries=("asyncua",))
