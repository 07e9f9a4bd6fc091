"""Finds rollouts and their jobs in the state of the deploy stage, and asks for their control."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from lineal.access.credential import Credential
from lineal.acts import publish_acts
from lineal.errors import LinealError
from lineal.runtime import Runtime
from lineal.stages.state import state_rows
from lineal.store.connection import Connection
from lineal_consumers.deploy.rollout import (
    JobRecord,
    RejectedRecord,
    RolloutRecord,
    job_prefix,
    rejected_key,
    rollout_key,
)
from lineal_schemas.deployments import DeploymentControl
from lineal_schemas.envelope import first_event
from lineal_schemas.ids import output_id

ControlAction = Literal["pause", "resume", "abort"]


class UnknownRollout(LinealError, LookupError):
    """No rollout has this id, or its beginning is not unique."""


class RolloutNotControlled(LinealError):
    """What is asked of a rollout does not fit its state."""


def find_all(connection: Connection) -> list[RolloutRecord]:
    """All that are kept, newest first."""
    rows = state_rows(connection, "deploy", rollout_key(""))
    found = [
        RolloutRecord.model_validate_json(row.after) for _, row in rows if row.after is not None
    ]
    return sorted(found, key=lambda item: (item.started_us, item.rollout_id), reverse=True)


def find_rejected(connection: Connection) -> list[RejectedRecord]:
    """Of each model the last request that no rollout was begun for, newest first."""
    rows = state_rows(connection, "deploy", rejected_key(""))
    found = [
        RejectedRecord.model_validate_json(row.after) for _, row in rows if row.after is not None
    ]
    return sorted(found, key=lambda item: item.requested_us, reverse=True)


def find_jobs(connection: Connection, rollout: RolloutRecord) -> list[JobRecord]:
    """The jobs of a rollout, ring by ring."""
    rows = state_rows(connection, "deploy", job_prefix(rollout.rollout_id))
    jobs = [JobRecord.model_validate_json(row.after) for _, row in rows if row.after is not None]
    return sorted(jobs, key=lambda job: (job.ring, job.device))


def find_rollout(
    rollouts: Sequence[RolloutRecord], wanted: str, rejected: Sequence[RejectedRecord] = ()
) -> RolloutRecord:
    """The one of an id, or of its unique beginning.

    Raises:
        UnknownRollout: there is none, or several; or its request was ``rejected``, and why.
    """
    meant = [item for item in rollouts if item.rollout_id.startswith(wanted)]
    if not meant:
        for item in rejected:
            if item.rollout_id.startswith(wanted):
                raise UnknownRollout(f"rollout {wanted} was rejected: {item.reason}")
        raise UnknownRollout(f"no rollout {wanted} was begun: `lineal deploy status` lists them")
    if len(meant) > 1:
        raise UnknownRollout(f"{wanted} begins {len(meant)} ids: give more of the id")
    return meant[0]


async def control_rollout(
    runtime: Runtime,
    rollout: RolloutRecord,
    action: ControlAction,
    reason: str | None,
    *,
    by: Credential,
    source: str,
) -> None:
    """Ask the deploy stage to pause a rollout, go on with it, or end it.

    Args:
        source: of the event that asks.

    Raises:
        NotPermitted: who asks may not.
        RolloutNotControlled: it is over, or not paused.
    """
    by.require("deploy")
    if rollout.over:
        raise RolloutNotControlled(f"rollout {rollout.rollout_id[:8]} is {rollout.status} already")
    if action == "resume" and rollout.status != "paused":
        raise RolloutNotControlled(f"rollout {rollout.rollout_id[:8]} is not paused")
    now = time.time_ns() // 1000
    control = DeploymentControl(
        rollout_id=rollout.rollout_id,
        action=action,
        by=by.actor,
        reason=reason,
        requested_us=now,
    )
    identity = output_id(rollout.rollout_id, "cli", "1", f"{action} {now}", 0)
    event = first_event(control, id=identity, source=source, actor=by.actor)
    await publish_acts(runtime, [event])
