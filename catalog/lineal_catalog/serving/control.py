"""Pauses, resumes and aborts the rollout of a served model."""

from __future__ import annotations

from typing import Literal
from uuid import uuid4

from lineal.access.credential import Credential
from lineal.acts import publish_act
from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal_catalog.serving.queries import serving_of
from lineal_schemas.envelope import now_us
from lineal_schemas.ids import arrival_id
from lineal_schemas.serving import ServingControl

ServingAction = Literal["pause", "resume", "abort"]


class NoRollout(LinealError, LookupError):
    """No version of the model is being tried."""


async def control_serving(
    runtime: Runtime,
    name: str,
    action: ServingAction,
    reason: str | None,
    by: Credential,
    source: str,
) -> ServingControl:
    """Ask the stage ``serving`` to act upon the rollout of a model.

    Args:
        source: the ingress: ``lineal:cli/serving``, ``lineal:console/serving``.

    Raises:
        NotPermitted: they may not.
        NoRollout: there is none.
    """
    by.require("deploy")
    known = await runtime.store.read(lambda c: serving_of(c, name))
    if known is None or known.candidate is None:
        raise NoRollout(f"no version of {name} is being rolled out: `lineal serving status`")
    control = ServingControl(
        name=name, action=action, by=by.actor, reason=reason, requested_us=now_us()
    )
    identifier = arrival_id(source, name, f"{action}\n{uuid4()}")
    await publish_act(runtime, control, id=identifier, source=source, actor=by.actor)
    return control
