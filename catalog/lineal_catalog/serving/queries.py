"""Questions about models that are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_schemas.objects import ObjectRef

_JSON = "application/json"


class NotServed(LinealError, LookupError):
    """No version of a model answers requests."""


class ServedVersion(NamedTuple):
    """A version that answers, or is tried."""

    version: int
    package: ObjectRef
    """JSON of a :class:`~lineal_schemas.serving.ServingPackage`."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Which versions of a model answer."""

    name: str
    rollout_id: str
    phase: str
    """``all``: one version answers all. ``shadow``, ``canary``: another is tried."""
    share: float
    """Of the requests, what the one that is tried answers."""
    step: int
    paused: bool
    stable: ServedVersion | None
    candidate: ServedVersion | None
    since: int
    """Microseconds since the Unix epoch."""


class ServingStep(NamedTuple):
    """One thing that has happened to a version."""

    at: int
    what: str
    version: int
    reason: str
    actor: str


def serving_of(connection: Connection, name: str) -> Serving | None:
    """How a model is served; None where it never was."""
    return next(iter(_read(connection, "WHERE name = ?", (name,))), None)


def list_serving(connection: Connection) -> list[Serving]:
    """All models that are served, by name."""
    return _read(connection, "", ())


def serving_steps(connection: Connection, name: str, limit: int = 20) -> list[ServingStep]:
    """What has happened to the versions of a model, the newest first."""
    rows = connection.execute(
        "SELECT at, what, version, reason, actor FROM serving_steps WHERE name = ? "
        "ORDER BY at DESC LIMIT ?",
        (name, limit),
    )
    return [ServingStep(*row) for row in rows]


def _read(connection: Connection, where: str, values: tuple[str, ...]) -> list[Serving]:
    rows = connection.execute(
        "SELECT name, rollout, phase, share, step, paused, stable_version, stable, stable_bytes, "
        f"candidate_version, candidate, candidate_bytes, since FROM serving {where} ORDER BY name",
        values,
    )
    return [
        Serving(
            name, rollout, phase, share, step, bool(paused), _version(*stable),
            _version(*candidate), since,
        )
        for name, rollout, phase, share, step, paused, *rest, since in rows
        for stable, candidate in [(rest[:3], rest[3:])]
    ]  # fmt: skip


def _version(version: int, sha256: str | None, size: int | None) -> ServedVersion | None:
    return None if sha256 is None else ServedVersion(version, reference(sha256, size or 0, _JSON))
