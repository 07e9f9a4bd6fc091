"""Says, signed and for hours at a time, which packages are current: timestamp and snapshot of TUF.

Where the root of trust has a key for it, one process with that key does so as soon as a rollout
begins or is aborted, and in time before the last word expires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from lineal.errors import LinealError
from lineal.producers import Producer
from lineal_catalog.models.release_current import newest_snapshot, publish_snapshot
from lineal_catalog.models.release_roots import newest_root, read_root
from lineal_consumers.deploy.config import DeployConfig
from lineal_consumers.deploy.rollout_list import find_all
from lineal_schemas.deployments import SignedPackage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from tuf.api.metadata import MetaFile

    from lineal.runtime import Runtime
    from lineal.settings import Settings
    from lineal_consumers.deploy.rollout import RolloutRecord
    from lineal_scoring.release_root import ReleaseRoot
    from lineal_scoring.release_snapshot import CurrentPackages

log = structlog.get_logger(__name__)

NAME = "releases"
_POLL_SECONDS = 2.0
_SNAPSHOT_DAYS = 30


def newest_of_each(rollouts: Iterable[RolloutRecord], epoch: int) -> list[RolloutRecord]:
    """Of each model, and of the agent, the rollout that began last.

    Args:
        rollouts: newest first.
        epoch: of packages that devices take.
    """
    found: dict[tuple[str, str], RolloutRecord] = {}
    for rollout in rollouts:
        if rollout.epoch == epoch and rollout.status != "unsigned":
            found.setdefault((rollout.kind, rollout.model.name), rollout)
    return list(found.values())


def sign_current(
    root: ReleaseRoot,
    before: CurrentPackages | None,
    entries: Mapping[str, MetaFile],
    key: Ed25519PrivateKey,
    *,
    now: datetime,
    hours: float,
) -> CurrentPackages | None:
    """The next timestamp, with the next snapshot if that is another; None: the last ones hold.

    Args:
        before: the last ones that this root's keys signed.
        entries: the current packages.
        hours: for which a timestamp is valid. It is renewed when half of them are over.

    Raises:
        SnapshotRejected: the key may not sign them by this root.
    """
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

    from lineal_consumers.deploy.root_draft import release_key
    from lineal_scoring.release_snapshot import CurrentPackages

    now = now.replace(microsecond=0)
    signer = CryptoSigner(key, release_key(key))
    known = {} if before is None else dict(before.entries)
    # What was listed once stays listed: a snapshot that forgets it goes back.
    listed = known | dict(entries)
    same = before is not None and listed == known
    if before is not None and same and before.snapshot_expires > now + timedelta(days=1):
        if before.expires > now + timedelta(hours=hours / 2):
            return None
        version, data = before.snapshot_version, before.snapshot_data
    else:
        version = 1 if before is None else before.snapshot_version + 1
        expires = now + timedelta(days=_SNAPSHOT_DAYS)
        snapshot = Metadata(Snapshot(version=version, expires=expires, meta=listed))
        snapshot.sign(signer)
        data = snapshot.to_bytes()
    timestamp = Metadata(
        Timestamp(
            version=1 if before is None else before.version + 1,
            expires=now + timedelta(hours=hours),
            snapshot_meta=MetaFile.from_data(version, data, ["sha256"]),
        )
    )
    timestamp.sign(signer)
    made = CurrentPackages(timestamp.to_bytes(), data, root)
    return made if before is None else before.next(made)


class ReleaseSnapshots:
    """Publishes timestamps and snapshots while a daemon runs."""

    standing_by = False

    def __init__(self, runtime: Runtime, config: DeployConfig | None = None) -> None:
        self._runtime = runtime
        self._config = config or deploy_config(runtime.settings)
        self.problem: str | None = None

    async def run(self) -> None:
        while True:
            try:
                await self.publish()
            except (LinealError, OSError) as error:
                if self.problem is None:
                    log.warning("releases.not_signed", error=repr(error))
                self.problem = f"which packages are current is not signed: {error}"
            else:
                self.problem = None
            await asyncio.sleep(_POLL_SECONDS)

    async def publish(self, now: datetime | None = None) -> bool:
        """Publish what is due; whether anything was."""
        runtime, config = self._runtime, self._config
        await runtime.flush_ledger()
        published = await runtime.store.read(newest_root)
        if published is None:
            return False
        root = await read_root(runtime, published)
        if not root.snapshots:
            return False
        from lineal_consumers.deploy.package import signing_key
        from lineal_scoring.release_snapshot import entry_name, entry_of

        entries = {}
        for rollout in newest_of_each(await runtime.store.read(find_all), root.epoch):
            package = SignedPackage.model_validate_json(await runtime.objects.get(rollout.package))
            entries[entry_name(rollout.kind, rollout.model.name)] = entry_of(
                package.manifest, rollout.counter, withdrawn=rollout.status == "aborted"
            )
        file = config.online_key_file or config.key_file
        secret = config.online_passphrase_file if config.online_key_file else config.passphrase_file
        key = await asyncio.to_thread(signing_key, file, secret)
        made = sign_current(
            root, await self._before(root), entries, key,
            now=now or datetime.now(UTC), hours=config.timestamp_hours,
        )  # fmt: skip
        if made is None:
            return False
        await publish_snapshot(
            runtime, made.timestamp_data, made.snapshot_data,
            snapshot_version=made.snapshot_version,
            expires_us=int(made.expires.timestamp()) * 1_000_000, actor=f"process:{NAME}",
        )  # fmt: skip
        log.info("releases.signed", timestamp=made.version, snapshot=made.snapshot_version)
        return True

    async def _before(self, root: ReleaseRoot) -> CurrentPackages | None:
        from lineal_scoring.release_snapshot import (
            CurrentPackages,
            SnapshotRejected,
            trusted_keys_of,
        )

        last = await self._runtime.store.read(newest_snapshot)
        if last is None:
            return None
        timestamp = await self._runtime.objects.get(last.timestamp)
        snapshot = await self._runtime.objects.get(last.snapshot)
        try:
            found = CurrentPackages(timestamp, snapshot, root)
        except SnapshotRejected:
            return None  # of another root: versions begin anew, as devices expect
        return found if found.trusted_keys == trusted_keys_of(root) else None


def deploy_config(settings: Settings) -> DeployConfig:
    """The settings of the deploy stage."""
    return DeployConfig.model_validate(settings.stages.get("deploy", {}))


RELEASES = Producer(
    NAME,
    "what is said of current packages",
    ReleaseSnapshots,
    lambda settings: any(
        settings.stages.get("deploy", {}).get(name) for name in ("key_file", "online_key_file")
    ),
)
