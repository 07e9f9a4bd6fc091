"""``ModelServer``: has the versions of a model answer, each its share, and reports how they do."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from lineal.access.credential import Credential
from lineal.access.senders import require_acting
from lineal.acts import publish_act
from lineal.errors import LinealError, ObjectMissing
from lineal.lineage.actor import this_worker
from lineal_catalog.serving.queries import ServedVersion, Serving, serving_of
from lineal_producers.serving.batching import QueueFull, Withdrawn
from lineal_producers.serving.settings import ServingSettings
from lineal_producers.serving.version import Version
from lineal_producers.serving.version_process import ModelFailed
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.serving import (
    ServingFigures,
    ServingMeasured,
    ServingPackage,
    ServingRequested,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineal.runtime import Runtime
    from lineal_learning.engines import Array
    from lineal_producers.serving.protocol import InferenceRequest

log = structlog.get_logger(__name__)

_SOURCE = "lineal:serve"
_POLL_SECONDS = 0.2
_MAX_SHADOW_ROWS = 256
"""That wait for a version in the shadow: further requests are answered without it."""


class NotReady(LinealError):
    """No version of the model answers yet, or not this one."""


class ModelServer:
    """Serves one model, as the ledger says which version answers what. A running producer."""

    standing_by = False

    def __init__(self, runtime: Runtime, name: str) -> None:
        self.name = name
        self.settings = runtime.settings.section(ServingSettings)
        self._runtime = runtime
        self._serving: Serving | None = None
        self._versions: dict[str, Version] = {}
        """By the digest of the package."""
        self._stacks: dict[str, AsyncExitStack] = {}
        self._asked = 0
        self._background: set[asyncio.Task[None]] = set()
        self._report = asyncio.Event()
        self._by: Credential | None = None
        self.changed = asyncio.Condition()

    @property
    def problem(self) -> str | None:
        stable = self._stable
        if stable is None:
            return f"no version of {self.name} answers yet: `lineal serving status {self.name}`"
        return None if stable.problem is None else f"{self.name}: {stable.problem}"

    @property
    def ready(self) -> bool:
        """Whether a version answers."""
        return self.problem is None

    @property
    def packages(self) -> list[ServingPackage]:
        """Of the versions that can be asked: the one that answers first."""
        stable, candidate = self._stable, self._candidate
        found = [] if stable is None or stable.problem is not None else [stable.package]
        if self._phase == "canary" and candidate is not None and not candidate.broken:
            found.append(candidate.package)
        return found

    @property
    def _phase(self) -> str:
        return "none" if self._serving is None else self._serving.phase

    @property
    def _stable(self) -> Version | None:
        served = None if self._serving is None else self._serving.stable
        return None if served is None else self._versions.get(served.package.sha256)

    @property
    def _candidate(self) -> Version | None:
        served = None if self._serving is None else self._serving.candidate
        return None if served is None else self._versions.get(served.package.sha256)

    def package_of(self, version: int | None) -> ServingPackage:
        """What a version takes and answers; without one, of the one that answers.

        Raises:
            NotReady: it answers nothing.
        """
        for package in self.packages:
            if version is None or package.model.version == version:
                return package
        raise NotReady(
            f"no version of {self.name} answers yet"
            if version is None
            else f"version {version} of {self.name} answers no requests"
        )

    async def infer(
        self, request: InferenceRequest, version: int | None = None
    ) -> tuple[ServingPackage, dict[str, Array]]:
        """Answer a request by the version whose turn it is, or by the one that is asked for.

        What a version that is tried fails at, the one before it answers.

        Raises:
            NotReady: no version answers, or not the one that is asked for.
            ModelFailed, QueueFull: see there.
        """
        stable, candidate = self._stable, self._candidate
        if version is not None:
            package = self.package_of(version)
            chosen = next(one for one in (stable, candidate) if one and one.package is package)
            try:
                return package, await self._compute(chosen, request)
            except Withdrawn as error:
                raise NotReady(f"version {version} of {self.name} was withdrawn") from error
        if stable is None:
            raise NotReady(f"no version of {self.name} answers yet")
        if candidate is not None and not candidate.broken:
            if self._phase == "canary" and self._candidates_turn():
                with suppress(ModelFailed, QueueFull, Withdrawn):
                    return candidate.package, await self._compute(candidate, request)
            elif self._phase == "shadow" and candidate.waiting_rows < _MAX_SHADOW_ROWS:
                task = asyncio.create_task(self._shadow(candidate, request))
                self._background.add(task)
                task.add_done_callback(self._background.discard)
        try:
            return stable.package, await self._compute(stable, request)
        except Withdrawn:
            return await self.infer(request)  # another has taken its place

    def _candidates_turn(self) -> bool:
        """Evenly: of each hundred requests in a row its share, give or take one."""
        assert self._serving is not None
        self._asked += 1
        share = self._serving.share
        return int(self._asked * share) > int((self._asked - 1) * share)

    async def _compute(self, version: Version, request: InferenceRequest) -> dict[str, Array]:
        try:
            return await version.infer(request.inputs, request.outputs, request.rows)
        except ModelFailed:
            if version.broken:
                self._report.set()
            raise

    async def _shadow(self, candidate: Version, request: InferenceRequest) -> None:
        with suppress(ModelFailed, QueueFull, Withdrawn):
            await self._compute(candidate, request)

    async def run(self) -> None:
        """Ask for the model to be served, then follow and report until cancelled.

        Raises:
            NotPermitted: the account that runs this may not.
        """
        self._by = await require_acting(self._runtime.store, "deploy")
        await self._publish(
            ServingRequested(name=self.name, by=self._by.actor, requested_us=now_us())
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._report_always())
        finally:
            for task in tuple(self._background):
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
            for stack in self._stacks.values():
                await stack.aclose()

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._runtime.store.read(partial(serving_of, name=self.name))
                if found != self._serving:
                    await self._become(found)
            except LinealError as error:
                log.warning("serving.cannot_follow", model=self.name, error=str(error))
            await asyncio.sleep(_POLL_SECONDS)

    async def _become(self, serving: Serving | None) -> None:
        """Load what is to answer, before anything is sent to it; then let go of what is not."""
        wanted: Sequence[ServedVersion] = []
        if serving is not None:
            wanted = [one for one in (serving.stable, serving.candidate) if one is not None]
        for served in wanted:
            if served.package.sha256 not in self._versions:
                await self._load(served)
        self._serving = serving
        for digest in set(self._versions) - {served.package.sha256 for served in wanted}:
            del self._versions[digest]
            closing = asyncio.create_task(self._stacks.pop(digest).aclose())
            self._background.add(closing)
            closing.add_done_callback(self._background.discard)
        candidate = self._candidate
        if candidate is not None and candidate.broken:
            self._report.set()
        if serving is not None:
            log.info(
                "serving.changed", model=self.name, phase=serving.phase, share=serving.share,
                versions=[served.version for served in wanted],
            )  # fmt: skip
        async with self.changed:
            self.changed.notify_all()

    async def _load(self, served: ServedVersion) -> None:
        objects = self._runtime.objects
        package = ServingPackage.model_validate_json(await objects.get(served.package))
        file = await objects.checked_path(package.artifact)
        golden = None
        with suppress(ObjectMissing):  # erased with what they were chosen from
            golden = await objects.checked_path(package.golden)
        stack = AsyncExitStack()
        version = await stack.enter_async_context(Version(package, file, golden, self.settings))
        if version.problem is not None:
            log.warning(
                "serving.cannot_load", model=self.name, version=served.version,
                reason=version.problem,
            )  # fmt: skip
        self._versions[served.package.sha256] = version
        self._stacks[served.package.sha256] = stack

    async def _report_always(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._report.wait(), self.settings.report_seconds)
            self._report.clear()
            serving, stable, candidate = self._serving, self._stable, self._candidate
            if serving is None or candidate is None:
                continue
            figures = candidate.take_figures()
            if not figures.requests:
                continue
            await self._publish(
                ServingMeasured(
                    name=self.name,
                    rollout_id=serving.rollout_id,
                    step=serving.step,
                    server=f"{this_worker()}/{os.getpid()}",
                    candidate=figures,
                    stable=ServingFigures() if stable is None else stable.take_figures(),
                    measured_us=now_us(),
                )
            )

    async def _publish(self, payload: ServingRequested | ServingMeasured) -> None:
        assert self._by is not None
        identifier = arrival_id(_SOURCE, self.name, f"{payload.type}\n{uuid4()}")
        await publish_act(
            self._runtime, payload, id=identifier, source=_SOURCE, actor=self._by.actor
        )
