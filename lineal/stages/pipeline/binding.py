"""A stage with its configuration and services: what every wrapper of its pipeline may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lineal.lineage.record import Build, Kind, digest
from lineal.model_in_use import ModelInUse
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
    """

    stage: Stage
    config: Any
    services: Services
    emitter: Emitter
    kind: Kind
    actor: str
    config_digest: str
    models: Sequence[Any]
    trained: Sequence[str]
    replaying: bool
    handler_seconds: float

    def identity(self, trained: Mapping[str, ModelInUse | None]) -> Identity:
        """What handles an event, under these trained models."""
        stage = self.stage
        models = (*self.models, *(item.model for item in trained.values() if item is not None))
        build = Build(stage.name, stage.version, stage.code_digest, self.config_digest, models)
        return identity_of(build, trained)


def bind(
    stage: Stage,
    config: BaseModel,
    services: Services,
    *,
    handler_seconds: float,
    replaying: bool = False,
) -> Binding:
    """Bind a stage."""
    return Binding(
        stage=stage,
        config=config,
        services=services,
        emitter=Emitter(stage),
        kind=_kind(stage),
        actor=f"stage:{stage.name}",
        config_digest=config_digest(config),
        models=tuple(stage.models(config)) if stage.models is not None else (),
        trained=tuple(stage.trained(config)) if stage.trained is not None else (),
        replaying=replaying,
        handler_seconds=stage.timeout or handler_seconds,
    )


def _kind(stage: Stage) -> Kind:
    if stage.record_kind is not None:
        return stage.record_kind
    if stage.fan_in:
        return "join"
    scatters = any(issubclass(payload, Part) for payload in stage.produces)
    takes_parts = any(issubclass(payload, Part) for payload in stage.inputs)
    return "split" if scatters and not takes_parts else "step"
