"""A link at work: a group of the source's bus whose events are brought to the target.

The group keeps the link's position. A side that is away stops the link until it is back, and counts
as nobody's attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from prometheus_client import Counter, Gauge

from lineal.bus.protocol import (
    AssignmentLost,
    Batch,
    Bus,
    Delivery,
    Start,
    Subscription,
    TopicInfo,
)
from lineal.errors import Unavailable
from lineal.runtime import Runtime
from lineal.settings import Settings
from lineal_producers.regions.linked_events import sweep_linked
from lineal_producers.regions.mirror import Mirror, Mirrored
from lineal_producers.regions.region import open_region
from lineal_producers.regions.settings import LinkSettings, RegionSettings
from lineal_schemas.envelope import now_us

log = structlog.get_logger(__name__)

_EVENTS = Counter(
    "lineal_link_events", "Events of links by what became of them", ["link", "outcome"]
)
_LAG = Gauge("lineal_link_lag", "Events that a link has still to look at", ["link"])

_BATCH_SIZE = 200
_FETCH_SECONDS = 1.0
_LOOK_SECONDS = 5.0
"""How often new topics are looked for."""
_FIRST_PAUSE = 0.2
_MAX_PAUSE = 15.0


def link_group(name: str) -> str:
    """The group of a link on the source's bus."""
    return f"link.{name}"


class Link:
    """A link of the settings, brought up again whenever a side was away."""

    def __init__(self, here: Runtime, name: str) -> None:
        self._here = here
        self._name = name
        self._link: LinkSettings = here.settings.section(RegionSettings).link(name)
        self._problem: str | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def problem(self) -> str | None:
        """What keeps it from working at present."""
        return self._problem and f"link {self._name}: {self._problem}"

    async def run(self) -> None:
        """Bring events until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            try:
                async with self._sides() as work:
                    while True:
                        await work.round()
                        self._problem, pause = None, _FIRST_PAUSE
            except (Unavailable, OSError) as error:
                self._problem = str(error)
                log.warning("link.away", link=self._name, error=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)

    async def run_once(self) -> Mirrored:
        """Bring what there is, and return.

        Raises:
            BusUnavailable, StoreUnavailable: a side is away.
        """
        total = Mirrored()
        async with self._sides() as work:
            while await work.waiting():
                _add(total, await work.round())
        return total

    @asynccontextmanager
    async def _sides(self) -> AsyncIterator[_Work]:
        settings: Settings = self._here.settings
        async with AsyncExitStack() as stack:
            source = await stack.enter_async_context(
                open_region(settings, self._link.source, self._here)
            )
            target = await stack.enter_async_context(
                open_region(settings, self._link.target, self._here)
            )
            mirror = Mirror(self._name, source, target)
            await mirror.open()
            await target.runtime.store.write(lambda connection: sweep_linked(connection, now_us()))
            work = _Work(self._name, self._link, source.runtime.bus, mirror)
            stack.push_async_callback(work.close)
            yield work


class _Work:
    """A link while both of its sides are there."""

    def __init__(self, name: str, link: LinkSettings, bus: Bus, mirror: Mirror) -> None:
        self._name = name
        self._link = link
        self._bus = bus
        self._mirror = mirror
        self._topics: frozenset[str] = frozenset()
        self._subscription: Subscription | None = None
        self._looked = float("-inf")

    async def round(self) -> Mirrored:
        """Bring the next batch, waiting a moment for it."""
        now = asyncio.get_running_loop().time()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            await self._join(await self._bus.topics())
        if self._subscription is None:
            await asyncio.sleep(_FETCH_SECONDS)
            return Mirrored()
        deliveries = await self._subscription.fetch(_BATCH_SIZE, _FETCH_SECONDS)
        if not deliveries:
            return Mirrored()
        done = await self._mirror.mirror(deliveries)
        lost = await self._acknowledge(deliveries)
        self._report(done, lost)
        return done

    async def _acknowledge(self, deliveries: Sequence[Delivery]) -> int:
        """Returns how many belong to another worker by now, which finds that they are known."""
        assert self._subscription is not None
        kept = list(deliveries)
        while kept:
            try:
                await self._subscription.commit(Batch(kept))
                break
            except AssignmentLost as error:
                kept = [item for item in kept if item not in error.deliveries]
        return len(deliveries) - len(kept)

    async def waiting(self) -> int:
        """How many events of its topics it has still to look at."""
        await self._join(await self._bus.topics())
        return link_lag(await self._bus.topics(), self._name)

    async def _join(self, infos: Sequence[TopicInfo]) -> None:
        """Become a member of the group, on the topics that there are now."""
        _LAG.labels(self._name).set(link_lag(infos, self._name))
        topics = frozenset(info.topic for info in infos if self._link.carries(info.topic))
        if topics == self._topics and self._subscription is not None:
            return
        if not topics:
            return
        # A topic that is new to a link that worked before is brought from its first event on.
        group = link_group(self._name)
        begun = any(each.group == group for info in infos for each in info.groups)
        start: Start = "beginning" if begun else self._link.start
        await self.close()
        self._subscription = await self._bus.subscribe(group, sorted(topics), start=start)
        self._topics = topics

    def _report(self, done: Mirrored, lost: int) -> None:
        for outcome in ("brought", "known", "returning", "erased"):
            _EVENTS.labels(self._name, outcome).inc(getattr(done, outcome))
        _EVENTS.labels(self._name, "rejected").inc(len(done.rejected))
        for event_id, reason in done.rejected.items():
            log.error("link.rejected", link=self._name, event_id=event_id, reason=reason)
        if lost:
            log.info("link.assignment_lost", link=self._name, events=lost)

    async def close(self) -> None:
        """Leave the group."""
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            await subscription.close()


def link_lag(infos: Sequence[TopicInfo], name: str) -> int:
    """How many events a link has still to look at, by the topics of its source."""
    group = link_group(name)
    return sum(each.lag for info in infos for each in info.groups if each.group == group)


def _add(total: Mirrored, done: Mirrored) -> None:
    total.brought += done.brought
    total.known += done.known
    total.returning += done.returning
    total.erased += done.erased
    total.rejected |= done.rejected
