"""Ingests new objects that S3 announces through an SQS queue.

The queue gets S3's event notifications itself, or by way of an SNS topic or of EventBridge. A
notification is deleted when its objects are on the bus; until then it comes again, here or to
another watch of the same queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

import orjson
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from lineal.runtime import Runtime
from lineal.stages.retry import unavailable
from lineal_producers.arrival import Arrival
from lineal_producers.s3.access_lists import AccessLists
from lineal_producers.s3.errors import ObjectDeleted
from lineal_producers.s3.objects import S3Object, is_folder, take
from lineal_producers.sync.metadata import SUFFIX
from lineal_producers.sync.patterns import Patterns
from lineal_producers.sync.settings import Deleted

log = structlog.get_logger(__name__)

_WAIT_SECONDS = 20
_VISIBLE_SECONDS = 60
_PAUSE_SECONDS = 2.0


class Notifications:
    """A watch of one queue.

    Args:
        patterns: which keys are ingested; messages of others are deleted from the queue.
        on_arrival: called with each arrival.
        deleted: what becomes of the document of an object that was modified.
        access_lists: how objects' own access lists are read; None: they are not.
    """

    def __init__(
        self,
        s3: Any,
        sqs: Any,
        queue_url: str,
        runtime: Runtime,
        patterns: Patterns | None = None,
        *,
        on_arrival: Callable[[Arrival], None] = lambda _: None,
        wait_seconds: int = _WAIT_SECONDS,
        deleted: Deleted = "mark",
        access_lists: AccessLists | None = None,
    ) -> None:
        self._s3 = s3
        self._sqs = sqs
        self._queue = queue_url
        self._runtime = runtime
        self._patterns = patterns or Patterns()
        self._on_arrival = on_arrival
        self._wait_seconds = wait_seconds
        self._deleted = deleted
        self._access_lists = access_lists
        self.problem: str | None = None
        """Why nothing can be taken now; None when all is well."""

    async def run(self) -> None:
        """Take what comes, until cancelled."""
        while True:
            try:
                answer = await self._sqs.receive_message(
                    QueueUrl=self._queue,
                    MaxNumberOfMessages=10,
                    WaitTimeSeconds=self._wait_seconds,
                    VisibilityTimeout=_VISIBLE_SECONDS,
                )
                self.problem = None
            except (ClientError, BotoCoreError, OSError) as error:
                self.problem = f"the queue of S3's notifications: {error}"
                log.warning("s3.cannot_receive", queue=self._queue, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            # Each is tried for itself: one that cannot be taken now holds up no other.
            await asyncio.gather(*(self._handle(message) for message in answer.get("Messages", [])))

    async def _handle(self, message: Mapping[str, Any]) -> None:
        extending = asyncio.create_task(self._keep_hidden(message["ReceiptHandle"]))
        try:
            for found in created_objects(message["Body"]):
                await self._take(found)
            await self._sqs.delete_message(
                QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
            )
        except Exception as error:
            # It comes again; what was taken of it is known by its id.
            log.warning("s3.cannot_take", error=repr(error), retried=unavailable(error))
            self.problem = f"an object of a bucket cannot be taken: {error}"
        finally:
            extending.cancel()

    async def _take(self, found: S3Object) -> None:
        if found.key.endswith(SUFFIX):
            # Other metadata of an object is another arrival of it.
            found = S3Object(found.bucket, found.key.removesuffix(SUFFIX), "")
        if is_folder(found.key) or not self._patterns.take(found.key):
            return
        try:
            taken = await take(
                self._s3,
                self._runtime,
                found,
                deleted=self._deleted,
                access_lists=self._access_lists,
            )
            self._on_arrival(taken)
        except ObjectDeleted:
            log.info("s3.gone", source=found.source)

    async def _keep_hidden(self, receipt: str) -> None:
        while True:
            await asyncio.sleep(_VISIBLE_SECONDS / 2)
            try:
                await self._sqs.change_message_visibility(
                    QueueUrl=self._queue, ReceiptHandle=receipt, VisibilityTimeout=_VISIBLE_SECONDS
                )
            except (ClientError, BotoCoreError, OSError) as error:
                log.warning("s3.cannot_extend", error=str(error))


def created_objects(body: str) -> Iterator[S3Object]:
    """The new objects in a message; none if it is about something else.

    Known are S3's event notifications (structure version 2), the same inside an SNS notification,
    and EventBridge's ``Object Created``.
    """
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        log.warning("s3.not_a_notification")
        return
    if not isinstance(told, dict):
        return
    if told.get("Type") == "Notification" and isinstance(told.get("Message"), str):
        yield from created_objects(told["Message"])
    elif told.get("detail-type") == "Object Created":
        detail = told["detail"]
        item = detail["object"]
        # EventBridge writes keys as they are.
        yield S3Object(
            detail["bucket"]["name"], item["key"], item.get("etag", ""), item.get("version-id")
        )
    else:
        for record in told.get("Records", ()):
            if str(record.get("eventName", "")).startswith("ObjectCreated:"):
                item = record["s3"]["object"]
                yield S3Object(
                    record["s3"]["bucket"]["name"],
                    unquote_plus(item["key"]),
                    item.get("eTag", ""),
                    item.get("versionId"),
                )
