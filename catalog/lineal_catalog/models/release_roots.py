"""Roots of trust for model packages: published once each, and kept as objects of the ledger."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from lineal.access.credential import Credential
from lineal.effects.records import lineage_records
from lineal.errors import LinealError
from lineal.lineage.actor import this_worker
from lineal.lineage.ledger import steps_of_subject
from lineal.lineage.record import Artifact, StepEntry, record_of
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.objects import reference
from lineal_schemas.envelope import now_us
from lineal_schemas.objects import ObjectRef

if TYPE_CHECKING:
    from lineal_scoring.release_root import ReleaseRoot

SUBJECT = "release:root"
ROLE = "release-root"
MEDIA_TYPE = "application/json"


class RootExists(LinealError, ValueError):
    """There is a root of this version already, or the one before is missing."""


class PublishedRoot(NamedTuple):
    """A root, by its record in the ledger."""

    version: int
    object: ObjectRef
    by: str
    at: int
    """Microseconds since the Unix epoch, as ``expires``."""
    expires: int
    snapshots: bool | None
    """Whether it has keys for timestamps and snapshots; records of before do not say it."""


def published_roots(connection: Connection) -> list[PublishedRoot]:
    """All roots that were published, version 1 first. Of two of one version the first counts."""
    found: dict[int, PublishedRoot] = {}
    for step in steps_of_subject(connection, SUBJECT):
        version, expires = step.attributes.get("version"), step.attributes.get("expires")
        artifact = next((item for item in step.outputs if item.role == ROLE), None)
        if step.kind != "release" or artifact is None:
            continue
        if not isinstance(version, int) or not isinstance(expires, int):
            continue
        ref = reference(artifact.sha256, artifact.bytes, artifact.media_type)
        online = step.attributes.get("snapshots")
        found.setdefault(
            version,
            PublishedRoot(
                version, ref, step.actor, step.started, expires,
                None if online is None else bool(online),
            ),
        )  # fmt: skip
    return [found[version] for version in sorted(found)]


def newest_root(connection: Connection) -> PublishedRoot | None:
    """The root that holds now; None where none was published."""
    roots = published_roots(connection)
    return roots[-1] if roots else None


async def read_root(runtime: Runtime, published: PublishedRoot) -> ReleaseRoot:
    """A root that was verified when it was published.

    Raises:
        ObjectMissing, ObjectDamaged: it is not there as it was.
        RootRejected: what the ledger names is no root.
    """
    from lineal_scoring.release_root import first_root

    return first_root(await runtime.objects.get(published.object))


async def publish_root(runtime: Runtime, data: bytes, by: Credential) -> ReleaseRoot:
    """Publish the first root, or the one that follows the newest: an act of a person.

    Raises:
        NotPermitted: they may not sign.
        RootRejected: it does not follow, or too few keys signed it.
    """
    by.require("sign")
    from lineal_scoring.release_root import first_root

    await runtime.flush_ledger()
    before = await runtime.store.read(newest_root)
    if before is None:
        root = first_root(data)
        if root.version != 1:
            raise RootExists(f"the first root has version 1, not {root.version}")
    else:
        root = (await read_root(runtime, before)).next(data)
    stored = await runtime.objects.put_file(io.BytesIO(data))
    entry = StepEntry(
        SUBJECT,
        now_us(),
        kind="release",
        outputs=(Artifact(stored.sha256, MEDIA_TYPE, stored.bytes, ROLE),),
        attributes={
            "version": root.version,
            "epoch": root.epoch,
            "threshold": root.threshold,
            "expires": int(root.expires.timestamp()) * 1_000_000,
            "snapshots": int(root.snapshots),
        },
    )
    record = record_of(entry, build=None, actor=by.actor, worker=this_worker())
    await runtime.committer.publish((), lineage_records([record]))
    await runtime.flush_ledger()
    return root
