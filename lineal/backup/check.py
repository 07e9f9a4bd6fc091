"""Whether a backup is whole, and what it holds was not changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lineal.backup.manifest import (
    CHECKPOINTS,
    OBJECTS,
    Manifest,
    check_part,
    listed_objects,
    part_of,
)
from lineal.proof.files import CheckpointFiles
from lineal.proof.installed_checks import installed_checks
from lineal.proof.note import VerifierKey, parse_verifier_key
from lineal.proof.verification import (
    Check,
    Finding,
    Progress,
    VerificationContext,
    Verified,
    begin_snapshot,
    run_checks,
)
from lineal.store.blobs import FileBlobs
from lineal.store.sqlite import connect_read_only
from lineal.store.tables import tables_exist

NAME = "backup"
_BUSY_SECONDS = 10.0


class BackupCheck:
    """The files of a backup against its manifest. See :class:`lineal.proof.verification.Check`."""

    name = NAME

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        manifest = self._manifest
        parts = [manifest.database, manifest.objects, *manifest.keys]
        if manifest.store is not None:
            parts.append(manifest.store)
        for done, part in enumerate(parts, 1):
            problem = check_part(self._folder, part)
            if problem is not None:
                yield Finding(NAME, problem)
            progress(done, len(parts))
        listed = listed_objects(self._folder, manifest)
        for done, (digest, size) in enumerate(listed.items(), 1):
            file = self._folder / OBJECTS / digest[:2] / digest[2:]
            if not file.is_file():
                yield Finding(NAME, f"the object {digest} is missing")
            elif file.stat().st_size != size:
                yield Finding(NAME, f"the object {digest} does not have {size} bytes")
            elif manifest.store is not None:  # else its digest is looked at with all others
                if part_of(self._folder, str(file.relative_to(self._folder))).sha256 != digest:
                    yield Finding(NAME, f"the object {digest} is not what its digest says")
                progress(done, len(listed))
        if manifest.store is not None:
            context.results |= {
                "records": manifest.records, "signed": manifest.signed, "objects": len(listed)
            }  # fmt: skip


def verify_backup(
    folder: Path,
    manifest: Manifest,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    *,
    keys: Sequence[VerifierKey] = (),
    from_outside: frozenset[str] = frozenset(),
) -> Verified:
    """Look at a backup as ``lineal verify`` looks at a data folder, and at its manifest.

    Of a store in Postgres the digests of the dump and of objects are looked at; the records and
    tables in it can be verified once it is restored.

    Args:
        keys: those that are trusted to have signed the log; none: those that the manifest names.

    Raises:
        MalformedBackup: it is not whole.
        StoreUnavailable, IncompatibleDatabase: its database cannot be read.
    """
    trusted = list(keys) or [parse_verifier_key(key) for key in manifest.log_keys]
    files = CheckpointFiles(folder / CHECKPOINTS)
    database = folder / manifest.database.file
    if not database.is_file():
        missing = Finding(NAME, f"{manifest.database.file} is missing")
        return Verified((missing,), (NAME,), {})
    with contextlib.closing(connect_read_only(database, busy_seconds=_BUSY_SECONDS)) as connection:
        checks: list[Check] = [BackupCheck(folder, manifest)]
        if manifest.store is None:
            checks += installed_checks()
            tables_exist(connection)
            begin_snapshot(connection)
        context = VerificationContext(
            connection,
            folder,
            files.load(),
            trusted,
            large=FileBlobs(folder, folder / "run", "reader"),
            from_outside=from_outside,
        )
        return run_checks(checks, context, progress)
