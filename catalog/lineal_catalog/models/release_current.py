"""Timestamps and snapshots of releases: what devices ask which packages are current."""

from __future__ import annotations

import io
from typing import NamedTuple

from lineal.effects.records import lineage_records
from lineal.lineage.actor import this_worker
from lineal.lineage.ledger import newest_steps_of_subject
from lineal.lineage.record import Artifact, StepEntry, record_of
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_schemas.envelope import now_us
from lineal_schemas.objects import ObjectRef

SUBJECT = "release:current"
TIMESTAMP, SNAPSHOT = "release-timestamp", "release-snapshot"
MEDIA_TYPE = "application/json"
_MAX_RECORDS = 50
"""Newest that are looked through for an earlier snapshot, which a device may just be asking for."""


class PublishedSnapshot(NamedTuple):
    """A timestamp and the snapshot that it names, by their record in the ledger."""

    version: int
    """Of the snapshot."""
    timestamp: ObjectRef
    snapshot: ObjectRef
    signed: int
    """When the timestamp was; microseconds since the Unix epoch, as ``expires``."""
    expires: int


def newest_snapshot(connection: Connection, version: int | None = None) -> PublishedSnapshot | None:
    """What was published last; None: nothing was.

    Args:
        version: the newest with this snapshot.
    """
    for step in newest_steps_of_subject(connection, SUBJECT, _MAX_RECORDS):
        made = {
            item.role: reference(item.sha256, item.bytes, item.media_type) for item in step.outputs
        }
        found, expires = step.attributes.get("snapshot"), step.attributes.get("expires")
        if step.kind != "release" or made.keys() < _BOTH:
            continue
        if not isinstance(found, int) or not isinstance(expires, int):
            continue
        if version is None or found == version:
            timestamp, snapshot = made[TIMESTAMP], made[SNAPSHOT]
            return PublishedSnapshot(found, timestamp, snapshot, step.started, expires)
    return None


_BOTH = {TIMESTAMP, SNAPSHOT}


async def publish_snapshot(
    runtime: Runtime, timestamp: bytes, snapshot: bytes, *, snapshot_version: int, expires_us: int,
    actor: str,
) -> None:  # fmt: skip
    """Publish a timestamp with its snapshot, which were verified.

    Args:
        expires_us: when the timestamp does; microseconds since the Unix epoch.
    """
    made = []
    for data, role in ((timestamp, TIMESTAMP), (snapshot, SNAPSHOT)):
        stored = await runtime.objects.put_file(io.BytesIO(data))
        made.append(Artifact(stored.sha256, MEDIA_TYPE, stored.bytes, role))
    entry = StepEntry(
        SUBJECT,
        now_us(),
        kind="release",
        outputs=tuple(made),
        attributes={"snapshot": snapshot_version, "expires": expires_us},
    )
    record = record_of(entry, build=None, actor=actor, worker=this_worker())
    await runtime.committer.publish((), lineage_records([record]))
