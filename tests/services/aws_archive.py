"""The archive of SNS FIFO topics, which no emulator has, put before one: a proxy.

Every call goes on to the emulator and its answer comes back unchanged, but for what AWS documents
of message archiving and replay: ``ArchivePolicy`` on a topic keeps what is published to it,
``ReplayPolicy`` on a new subscription has that sent to the queue first, ``ReplayStatus`` and
``BeginningArchiveTime`` tell of it. Faults can be put in its way: see :attr:`ArchiveProxy.faults`.

This is our reading of the documentation, not AWS: it lets the bus's code for archives run at all.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

import aiohttp
from aiohttp import web

from lineal.aws_session import aws_session
from lineal_local.aws import Emulator

_POLL_SECONDS = 0.05
_BEGINNING = "2020-01-01T00:00:00.000Z"
Fields = dict[str, str]
Fault = Callable[[str, Any], Awaitable[web.Response | None]]
"""Called with the action and its parameters before it is passed on; an answer stands in for the
emulator's."""


@dataclass
class Archived:
    """A message as it was published."""

    body: str
    group: str
    deduplication: str
    attributes: dict[str, dict[str, str]]
    timestamp: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    )

    def notification(self) -> str:
        """The message in what SNS sends to a subscription without raw delivery."""
        return json.dumps(
            {
                "Type": "Notification",
                "TopicArn": "arn:aws:sns:::archived",
                "Message": self.body,
                "Timestamp": self.timestamp,
                "Replayed": "true",
                "MessageAttributes": {
                    name: {"Type": value["DataType"], "Value": value["StringValue"]}
                    for name, value in self.attributes.items()
                },
            }
        )


@dataclass
class Topic:
    """What the proxy knows of a topic."""

    archived: bool = False
    messages: list[Archived] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ArchiveProxy:
    """Runs in a thread of its own from ``start`` to ``stop``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._topics: dict[str, Topic] = {}
        self._replayed: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.faults: list[Fault] = []
        self.calls: dict[str, int] = {}
        """How often each action was asked for."""
        self.port = 0

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def messages(self, resource: str) -> list[Archived]:
        """What was published to a topic, by the name of its SNS topic."""
        for arn, topic in list(self._topics.items()):
            if arn.endswith(f":{resource}"):
                return list(topic.messages)
        return []

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(180)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session,
            aws_session().create_client("sqs", **self._emulator.client_settings) as self._sqs,
        ):
            self._ready.set()
            await self._stopping.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        target = request.headers.get("X-Amz-Target", "")
        if target:
            action = target.rpartition(".")[2]
            parameters: Any = json.loads(body or b"{}")
        else:
            parameters = (
                {k: v[0] for k, v in parse_qs(body.decode("latin-1"), True).items()}
                if (request.method == "POST" and request.content_type.endswith("urlencoded"))
                else {}
            )
            action = parameters.get("Action", "")
            if action:
                text = body.decode("utf-8")
                parameters = {k: v[0] for k, v in parse_qs(text, True).items()}
        self.calls[action] = self.calls.get(action, 0) + 1
        for fault in list(self.faults):
            answer = await fault(action, parameters)
            if answer is not None:
                return answer
        special = {
            "CreateTopic": self._create_topic,
            "SetTopicAttributes": self._set_topic_attributes,
            "GetTopicAttributes": self._get_topic_attributes,
            "Publish": self._publish,
            "PublishBatch": self._publish_batch,
            "Subscribe": self._subscribe,
            "GetSubscriptionAttributes": self._get_subscription_attributes,
            "ReceiveMessage": self._receive_message,
        }.get(action)
        if special is not None:
            return await special(request, parameters, body)
        return await self._forward(request, body)

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("content-length", "transfer-encoding", "connection")
        }
        url = f"{self._emulator.endpoint_url}{request.raw_path}"
        async with self._session.request(
            request.method, url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            content = await answer.read()
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date")
            }
            return web.Response(status=answer.status, body=content, headers=kept)

    def _topic(self, arn: str) -> Topic:
        return self._topics.setdefault(arn, Topic())

    async def _create_topic(
        self, request: web.Request, parameters: Fields, body: bytes
    ) -> web.Response:
        answer = await self._forward(request, body)
        found = re.search(rb"<TopicArn>(.*?)</TopicArn>", bytes(answer.body or b""))  # type: ignore[arg-type]
        if found and "ArchivePolicy" in parameters.values():
            self._topic(found[1].decode()).archived = True
        return answer

    async def _set_topic_attributes(
        self, request: web.Request, parameters: Fields, body: bytes
    ) -> web.Response:
        if parameters.get("AttributeName") == "ArchivePolicy":
            self._topic(parameters["TopicArn"]).archived = True
        return await self._forward(request, body)

    async def _get_topic_attributes(
        self, request: web.Request, parameters: Fields, body: bytes
    ) -> web.Response:
        answer = await self._forward(request, body)
        return self._with_entry(
            answer, "BeginningArchiveTime", _BEGINNING, self._topic(parameters["TopicArn"]).archived
        )

    async def _get_subscription_attributes(
        self, request: web.Request, parameters: Fields, body: bytes
    ) -> web.Response:
        answer = await self._forward(request, body)
        replayed = parameters.get("SubscriptionArn") in self._replayed
        return self._with_entry(answer, "ReplayStatus", "Completed", replayed)

    def _with_entry(
        self, answer: web.Response, name: str, value: str, wanted: bool
    ) -> web.Response:
        content = bytes(answer.body or b"")  # type: ignore[arg-type]
        if answer.status == 200 and wanted:
            entry = f"<entry><key>{name}</key><value>{value}</value></entry></Attributes>"
            content = content.replace(b"</Attributes>", entry.encode())
            answer.body = content
        return answer

    async def _publish(self, request: web.Request, parameters: Fields, body: bytes) -> web.Response:
        topic = self._topic(parameters["TopicArn"])
        async with topic.lock:
            answer = await self._forward(request, body)
            if answer.status == 200:
                _archive(topic, parameters)
            return answer

    async def _publish_batch(
        self, request: web.Request, parameters: Fields, body: bytes
    ) -> web.Response:
        topic = self._topic(parameters["TopicArn"])
        async with topic.lock:
            answer = await self._forward(request, body)
            if answer.status == 200:
                root = ElementTree.fromstring(bytes(answer.body or b""))  # type: ignore[arg-type]
                taken = {
                    member.findtext("{*}Id")
                    for member in root.iterfind(".//{*}Successful/{*}member")
                }
                for entry in _entries(parameters):
                    if entry["Id"] in taken:
                        _archive(topic, entry)
            return answer

    async def _subscribe(
        self, request: web.Request, parameters: Fields, body: bytes
    ) -> web.Response:
        numbers = [
            name.split(".")[2] for name, value in parameters.items() if value == "ReplayPolicy"
        ]
        if not numbers:
            return await self._forward(request, body)
        kept = {
            name: value
            for name, value in parameters.items()
            if not name.startswith(f"Attributes.entry.{numbers[0]}.")
        }
        arn = parameters["TopicArn"]
        topic = self._topic(arn)
        async with topic.lock:
            answer = await self._forward(request, urlencode(kept).encode())
            found = re.search(rb"<SubscriptionArn>(.*?)<", bytes(answer.body or b""))  # type: ignore[arg-type]
            if answer.status == 200 and found:
                self._replayed.add(found[1].decode())
                raw = "RawMessageDelivery" in parameters.values()
                await self._replay(topic, parameters["Endpoint"], raw=raw)
        return answer

    async def _receive_message(
        self, request: web.Request, parameters: dict[str, Any], body: bytes
    ) -> web.Response:
        """As AWS, but that a fifth of the time is waited for messages: less than a second cannot be
        asked for, and who reads to the end, or closes, would wait for it to be over."""
        if not parameters.get("WaitTimeSeconds"):
            return await self._forward(request, body)
        body = json.dumps({**parameters, "WaitTimeSeconds": 0}).encode()
        for _ in range(4 * int(parameters["WaitTimeSeconds"])):
            answer = await self._forward(request, body)
            if b'"Messages"' in bytes(answer.body or b""):  # type: ignore[arg-type]
                break
            await asyncio.sleep(_POLL_SECONDS)
        return answer

    async def _replay(self, topic: Topic, queue_arn: str, *, raw: bool) -> None:
        name = queue_arn.rpartition(":")[2]
        url = (await self._sqs.get_queue_url(QueueName=name))["QueueUrl"]
        for begin in range(0, len(topic.messages), 10):
            some = topic.messages[begin : begin + 10]
            await self._sqs.send_message_batch(
                QueueUrl=url,
                Entries=[
                    {
                        "Id": str(number),
                        "MessageBody": message.body if raw else message.notification(),
                        "MessageGroupId": message.group,
                        "MessageDeduplicationId": message.deduplication,
                        "MessageAttributes": message.attributes if raw else {},
                    }
                    for number, message in enumerate(some)
                ],
            )


def _archive(topic: Topic, entry: Fields) -> None:
    if entry["MessageDeduplicationId"] in topic.seen:
        return
    topic.seen.add(entry["MessageDeduplicationId"])
    topic.messages.append(
        Archived(
            entry["Message"],
            entry["MessageGroupId"],
            entry["MessageDeduplicationId"],
            _attributes(entry),
        )
    )


def _entries(parameters: Fields) -> list[Fields]:
    """The entries of a PublishBatch in the query protocol."""
    entries: dict[int, Fields] = {}
    for name, value in parameters.items():
        found = re.fullmatch(r"PublishBatchRequestEntries\.member\.(\d+)\.(.+)", name)
        if found:
            entries.setdefault(int(found[1]), {})[found[2]] = value
    return [entries[number] for number in sorted(entries)]


def _attributes(entry: Fields) -> dict[str, dict[str, str]]:
    found: dict[str, Fields] = {}
    for name, value in entry.items():
        matched = re.fullmatch(r"MessageAttributes\.entry\.(\d+)\.(Name|Value\.\w+)", name)
        if matched:
            found.setdefault(matched[1], {})[matched[2]] = value
    return {
        item["Name"]: {
            "DataType": item["Value.DataType"], "StringValue": item["Value.StringValue"],
        }
        for item in found.values()
    }  # fmt: skip
