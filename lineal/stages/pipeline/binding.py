"""A stage with its configuration and services: what every wrapper of its pipeline may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lineal.artifact_in_use import ArtifactInUse
from lineal.lineage.record import Build, Kind, UsedArtifact, digest
from lineal.stages.declaration import Stage
from lineal.stages.emitting import Emitter
from lineal.stages.identity import Identity, identity_of
from lineal.stages.services import Services
from lineal_schemas.parts import Part


def config_digest(config: BaseModel) -> str:
    """SHA-256 of a configuration's JSON; fields come in the order of their declaration."""
    return digest(config.model_dump_json().encode())


@dataclass(frozen=True, slots=True)
class Binding:
    """What does not change from event to event. Use :func:`bind`.

    Attributes:
        kind: what the records of its steps are called, where the function does not say.
        replaying: whether past events are handled again: nothing live is changed, no timers set.
        handler_seconds: how long a call of the function may take.
        retry_delays: seconds after which a failed event is tried again; none in a replay.
    """

    stage: Stage
    config: Any
    services: Services
    emitter: Emitter
    kind: Kind
    actor: str
    config_digest: str
    artifacts: Sequence[UsedArtifact]
    in_use: Sequence[str]
    replaying: bool
    handler_seconds: float
    retry_delays: Sequence[float] = ()

    def identity(self, in_use: Mapping[str, ArtifactInUse | None]) -> Identity:
        """What handles an event, while these artifacts are in use."""
        stage = self.stage
        used = (*self.artifacts, *(item.used for item in in_use.values() if item is not None))
        build = Build(stage.name, stage.version, stage.code_digest, self.config_digest, used)
        return identity_of(build, in_use)


def bind(
    stage: Stage,
    config: BaseModel,
    services: Services,
    *,
    handler_seconds: float,
    replaying: bool = False,
    retry_delays: Sequence[float] | None = None,
) -> Binding:
    """Bind a stage.

    Args:
        retry_delays: None takes those that the stage declares.
    """
    delays = stage.retry_delays if retry_delays is None else retry_delays
    return Binding(
        stage=stage,
        config=config,
        services=services,
        emitter=Emitter(stage),
        kind=_kind(stage),
        actor=f"stage:{stage.name}",
        config_digest=config_digest(config),
        artifacts=tuple(stage.artifacts(config)) if stage.artifacts is not None else (),
        in_use=tuple(stage.in_use(config)) if stage.in_use is not None else (),
        replaying=replaying,
        handler_seconds=stage.timeout or handler_seconds,
        retry_delays=() if replaying else tuple(delays),
    )


def _kind(stage: Stage) -> Kind:
    if stage.record_kind is not None:
        return stage.record_kind
    if stage.fan_in:
        return "join"
    scatters = any(issubclass(payload, Part) for payload in stage.produces)
    takes_parts = any(issubclass(payload, Part) for payload in stage.inputs)
    return "split" if scatters and not takes_parts else "step"
