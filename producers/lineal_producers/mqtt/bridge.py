"""The bridge of a process: works for as many shares of the devices as are due to it."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from lineal.access.users import UnknownUser, find_user
from lineal.errors import StoreDamaged, StoreUnavailable, Unavailable, WrongConfiguration
from lineal.runtime import Runtime
from lineal_producers.mqtt.address import WrongAddress, parse_address
from lineal_producers.mqtt.lease import Leases
from lineal_producers.mqtt.membership import Membership, Quota
from lineal_producers.mqtt.metrics import SHARES
from lineal_producers.mqtt.settings import MqttSettings
from lineal_producers.mqtt.share_bridge import ShareBridge

log = structlog.get_logger(__name__)

_POLL_SECONDS = 1.0


class Bridge:
    """Shares the work for one broker with the other processes of the same client id.

    Raises:
        WrongAddress: the settings name no broker.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._settings = settings = runtime.settings.section(MqttSettings)
        if settings.url is None:
            raise WrongAddress("no MQTT broker is named: --mqtt URL, or LINEAL_MQTT__URL")
        self._address = parse_address(settings.url)
        self._runtime = runtime
        seconds = runtime.settings.lease_seconds
        self._membership = Membership(runtime, settings.client_id, settings.shares, seconds=seconds)
        self._leases = Leases(runtime, settings.client_id, settings.shares, seconds=seconds)
        self._quota = Quota(0, 0)
        self._problem: str | None = None
        self._working: dict[ShareBridge, asyncio.Task[None]] = {}
        self.standing_by = False
        """Other processes do the work."""
        self.connected = asyncio.Event()
        """Set while it works for a share."""

    @property
    def problem(self) -> str | None:
        """What keeps it from working at present."""
        problems = [self._problem, *(bridge.problem for bridge in self._working)]
        return next((problem for problem in problems if problem is not None), None)

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            WrongConfiguration: devices are to talk as a user who does not exist.
        """
        await self._check_who_devices_talk_as()
        try:
            while True:
                await self._look()
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await self._end(list(self._working))
            with contextlib.suppress(StoreUnavailable, StoreDamaged):
                await self._membership.leave()

    async def _check_who_devices_talk_as(self) -> None:
        """An actor who never was a user works on the data folder itself and may do anything: a
        mistyped name would make every device an owner."""
        name = self._settings.talk_as
        if name is None:
            return
        try:
            await self._runtime.store.read(lambda connection: find_user(connection, name))
        except UnknownUser as error:
            raise WrongConfiguration(
                f"[mqtt] talk_as = {name!r}: {error}; `lineal user add {name} reader "
                "--no-password` adds one"
            ) from error

    async def _look(self) -> None:
        """Begin or end to work for a share, as others have come or gone."""
        try:
            self._quota = await self._membership.renew()
        except (Unavailable, StoreDamaged, OSError) as error:
            # what this process has it keeps: leases say for themselves when they are over
            self._problem = f"the bridge cannot see the others: {error}"
            return
        except Exception as error:
            # a fault of ours: leave the devices to what works
            log.exception("bridge.failed")
            self._problem = f"the bridge has failed: {error!r}"
            return
        self._problem = None
        standing_by = self._quota.shares == 0
        if standing_by and not self.standing_by:
            log.info("bridge.standing_by", broker=str(self._address))
        self.standing_by = standing_by
        while len(self._working) < self._quota.shares:
            self._begin()
        # first those that have no share
        ranked = sorted(self._working, key=lambda bridge: bridge.share is None)
        await self._end(ranked[self._quota.shares :])

    def _begin(self) -> None:
        bridge = ShareBridge(
            self._runtime, self._settings, self._leases,
            former=lambda: self._quota.former, changed=self._changed,
        )  # fmt: skip
        self._working[bridge] = asyncio.create_task(bridge.run(), name="the bridge of a share")

    async def _end(self, ending: list[ShareBridge]) -> None:
        tasks = [self._working.pop(bridge) for bridge in ending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._changed()

    def _changed(self) -> None:
        SHARES.set(sum(bridge.connected for bridge in self._working))
        if any(bridge.connected for bridge in self._working):
            self.connected.set()
        else:
            self.connected.clear()
