"""Manifests that are sent to the daemon: asked for, run by one process, and looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.admission import AdmissionPolicy
from lineal.errors import LinealError
from lineal.events_on_topic import events_on_topic
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_producers.admission_policies import HTTP, OPERATOR
from lineal_producers.regions.job_events import JobEvents
from lineal_producers.regions.manifest import BadManifest, Manifest, read_manifest
from lineal_producers.regions.region import open_region
from lineal_producers.regions.run_state import JobState, read_run
from lineal_producers.regions.settings import RegionSettings
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.regions import RegionRunEnded, RegionRunRequested

PREFIX = "http-"
"""Of the names of these runs: those of `lineal regions run` have another, so that no run is begun
by both at once."""
_MEDIA_TYPE = "application/jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


class UnknownRun(LinealError, LookupError):
    """No run of this name was asked for by who asks now."""


class RunConflict(LinealError, ValueError):
    """A run of this name has other jobs."""


class RunOptions(BaseModel):
    """How a run goes about it, as `lineal regions run` has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    away_seconds: Annotated[float, Field(ge=0, le=86400)] = 60.0
    answer_seconds: Annotated[float, Field(ge=0, le=30 * 86400)] = 3600.0
    attempts: Annotated[int, Field(ge=1, le=100)] = 3
    parallel: Annotated[int, Field(ge=1, le=1000)] = 1
    operator: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run, and how far it is."""

    requested: RegionRunRequested
    states: list[JobState]
    ended: RegionRunEnded | None


def policy_of(operator: bool, sender: Credential) -> AdmissionPolicy:
    """What the jobs of somebody may be.

    Raises:
        NotPermitted: they may send none.
    """
    sender.require("manage" if operator else "publish")
    # A region knows an event by its run: no source is another's.
    return OPERATOR if operator else sender.under(replace(HTTP, reserved_sources=()))


async def request_run(
    runtime: Runtime, text: str, name: str | None, options: RunOptions, by: Credential
) -> RegionRunRequested:
    """Ask for a manifest to be run; durable on return. The same again is the same run.

    Args:
        name: names the run; the manifest's digest does unless given.

    Raises:
        BadManifest: a line is no job, or the name is none.
        NotPermitted: they may not send this.
        NotAllowed, PermanentFailure: a job's event may not be sent, or does not fit its type.
        RunConflict: a run of this name was asked for with other jobs, or by somebody else.
    """
    if name is not None and _NAME.fullmatch(name) is None:
        raise BadManifest(f"{name!r} names no run: letters, digits, '_', '.' and '-', at most 80")
    policy = policy_of(options.operator, by)
    manifest = _manifest(runtime, text, name)
    async with open_region(runtime.settings, _here(runtime), runtime) as home:
        events = JobEvents(manifest.run, home, by, policy)
        for job in manifest.jobs:
            events.event_for_region(job, 1)
    data = text.encode()
    known = await _requested(runtime, manifest.run)
    digest = sha256(data).hexdigest()
    if known is not None:
        if known.manifest.sha256 != digest or known.by != by.actor:
            raise RunConflict(
                f"there is a run {manifest.run!r} with other jobs, or of somebody else: name "
                "this one with ?run=NAME"
            )
        return known
    await runtime.objects.put_large(data)
    made = RegionRunRequested(
        run=manifest.run,
        manifest=reference(digest, len(data), _MEDIA_TYPE),
        jobs=len(manifest.jobs),
        by=by.actor,
        requested_us=now_us(),
        **options.model_dump(),
    )
    identifier = arrival_id("lineal:http", manifest.run, digest)
    await publish_act(runtime, made, id=identifier, source="lineal:http", actor=by.actor)
    return made


async def find_run(runtime: Runtime, run: str, by: Credential) -> RunReport:
    """A run, for who asked for it, or may manage.

    Raises:
        UnknownRun: there is none, or it is somebody else's.
        ObjectMissing: its manifest was erased.
    """
    requested = await _requested(runtime, run)
    if requested is None or not _may_see(requested, by):
        raise UnknownRun(f"no run {run!r} was asked for")
    manifest = await manifest_of(runtime, requested)
    states = list((await read_run(runtime, manifest)).values())
    ended = [event.data async for event in events_on_topic(runtime, RegionRunEnded, run)]
    return RunReport(requested, states, ended[-1] if ended else None)


async def list_runs(runtime: Runtime, by: Credential) -> list[tuple[RegionRunRequested, bool]]:
    """The runs that somebody may see, and whether each has ended; the newest first."""
    ended = {event.data.run async for event in events_on_topic(runtime, RegionRunEnded)}
    asked = [event.data async for event in events_on_topic(runtime, RegionRunRequested)]
    found = {one.run: one for one in asked}
    return [(one, one.run in ended) for one in reversed(found.values()) if _may_see(one, by)]


async def manifest_of(runtime: Runtime, requested: RegionRunRequested) -> Manifest:
    """The jobs that were asked for.

    Raises:
        BadManifest: a region is not known any more.
        ObjectMissing: it was erased.
    """
    text = (await runtime.objects.get(requested.manifest)).decode()
    return _manifest(runtime, text, requested.run.removeprefix(PREFIX))


def _manifest(runtime: Runtime, text: str, name: str | None) -> Manifest:
    regions = runtime.settings.section(RegionSettings).names
    found = read_manifest(text, regions, name)
    return found.model_copy(update={"run": f"{PREFIX}{found.run}"})


def _here(runtime: Runtime) -> str:
    return runtime.settings.section(RegionSettings).here


def _may_see(requested: RegionRunRequested, by: Credential) -> bool:
    return requested.by == by.actor or by.may("manage")


async def _requested(runtime: Runtime, run: str) -> RegionRunRequested | None:
    found = [event.data async for event in events_on_topic(runtime, RegionRunRequested, run)]
    return found[0] if found else None
