"""Keeps the log's tree behind the ledger, and its checkpoints outside the database."""

from __future__ import annotations

import asyncio
import math
import uuid
from pathlib import Path

import structlog

from lineal.bus.protocol import Bus, TopicSettings
from lineal.errors import LinealError
from lineal.proof.checkpoint_events import CHECKPOINT_TOPIC, checkpoint_event
from lineal.proof.cosigning import CosignatureCollector
from lineal.proof.errors import ForeignLog, LogInconsistent, UnusableKey
from lineal.proof.note import MalformedNote, WrongSignature
from lineal.proof.policy import read_policy
from lineal.proof.writer import LogWriter, Signed
from lineal.settings import LogSettings
from lineal.store.connection import Store

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.4
_PAUSE_SECONDS = 5.0
_ELSEWHERE_SECONDS = 30.0
_REPORT_SECONDS = 5.0
_CATCHING_UP = 100_000
"""Records to add that are worth a line in the log."""
_LASTING = (LogInconsistent, MalformedNote, UnusableKey, WrongSignature)
"""What does not pass by itself."""


class LogFollower:
    """Extends and signs the log in the background of a daemon; one process at a time does it.

    Args:
        owner: names this process.

    Raises:
        MalformedPolicy, OSError: the settings name no policy that can be read.
    """

    def __init__(
        self, store: Store, bus: Bus, settings: LogSettings, directory: Path, owner: str
    ) -> None:
        self._bus = bus
        self._settings = settings
        self.writer = LogWriter(store, settings, directory, f"{owner}/{uuid.uuid4().hex[:8]}")
        self._looked = False
        """Whether the last look at the log found nothing wrong. Else it is looked at also where
        nothing is new: a checkpoint may not have reached its file, and what is wrong stays so."""
        self._is_elsewhere = False
        self._published_at = -math.inf
        self._published: bytes | None = None
        self._not_published = ""
        self._reported_at = 0.0
        self._failure: str | None = None
        self._collector: CosignatureCollector | None = None
        if settings.policy is not None:
            policy = read_policy(settings.policy)
            self._collector = CosignatureCollector(store, self.writer, policy)

    @property
    def problem(self) -> str | None:
        """Why the ledger is not being signed; None when all is well."""
        return self._failure and f"the log: {self._failure}"

    async def run(self) -> None:
        """Follow the ledger until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_following())
            if self._collector is not None:
                group.create_task(self._keep_collecting(self._collector))

    async def _keep_collecting(self, collector: CosignatureCollector) -> None:
        while True:
            try:
                await collector.collect()
            except (LinealError, OSError) as error:
                log.warning("log.not_witnessed", error=str(error))
            await asyncio.sleep(self._settings.witness_seconds)

    async def _keep_following(self) -> None:
        while True:
            try:
                more = await self._follow()
                self._failure, self._is_elsewhere = None, False
                await asyncio.sleep(0 if more else _POLL_SECONDS)
            except ForeignLog as error:
                # Another machine has the key, and signs: this one works on.
                if not self._is_elsewhere:
                    self._is_elsewhere = True
                    log.warning("log.signed_elsewhere", reason=str(error))
                await asyncio.sleep(_ELSEWHERE_SECONDS)
            except (LinealError, OSError) as error:
                if str(error) != self._failure:
                    self._failure = str(error)
                    report = log.error if isinstance(error, _LASTING) else log.warning
                    report("log.not_signed", error=self._failure)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        """Sign the present records, and release the lease."""
        try:
            if self._failure is None and not self._is_elsewhere:
                await self.writer.catch_up()
                done = await self.writer.advance(keep=True)
                checkpoint = None if done is None else done.checkpoint
                if checkpoint is not None and checkpoint != self._published:
                    await self._publish(checkpoint)
                if self._collector is not None:
                    await self._collector.collect()
                await self.writer.release()
        except (LinealError, OSError) as error:
            log.warning("log.not_signed", error=str(error))

    async def _follow(self) -> bool:
        """Whether there is more to do at once."""
        if self._looked and not await self.writer.behind():
            return False
        self._looked = False
        done = await self.writer.advance()
        self._looked = True
        if done is None:
            return False
        self._report(done)
        # What commands signed while no daemon ran is published by the next one.
        is_new = done.signed or self._published is None
        if is_new and done.checkpoint is not None:
            now = asyncio.get_running_loop().time()
            if now - self._published_at >= self._settings.kept_seconds:
                self._published_at = now
                await self._publish(done.checkpoint)
        return bool(done.behind)

    def _report(self, done: Signed) -> None:
        now = asyncio.get_running_loop().time()
        if done.behind > _CATCHING_UP and now - self._reported_at > _REPORT_SECONDS:
            self._reported_at = now
            log.info("log.catching_up", records=done.size, of=done.records)

    async def _publish(self, checkpoint: bytes) -> None:
        try:
            if self._published is None:
                await self._bus.create_topic(CHECKPOINT_TOPIC, TopicSettings(partitions=1))
            await self._bus.publish([(CHECKPOINT_TOPIC, checkpoint_event(checkpoint))])
            self._published = checkpoint
        except LinealError as error:  # it is in its file all the same
            if str(error) != self._not_published:
                self._not_published = str(error)
                log.warning("log.not_published", error=self._not_published)
