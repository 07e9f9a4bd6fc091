"""Extending the log's tree to what the ledger has, and signing it."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from lineal.lineage.actor import this_worker
from lineal.proof.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from lineal.proof.errors import ForeignLog, LogInconsistent, UnusableKey
from lineal.proof.files import CheckpointFiles
from lineal.proof.keys import LogKeys, default_origin, make_keys, parse_verifier_keys, read_keys
from lineal.proof.log_tables import (
    LogRow,
    drop_lease,
    extend_tree,
    is_behind,
    last_record,
    read_log,
    set_checkpoint,
    set_keys,
    start_log,
    take_lease,
    tile_source,
)
from lineal.proof.tiles import TiledTree
from lineal.settings import LogSettings
from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import now_us

LEASE_SECONDS = 5.0
"""How long a process that died keeps others from extending the log."""
_BATCH_SIZE = 4096
"""Records that one transaction adds, so that nobody waits long for it."""


class Signed(NamedTuple):
    """The state of the log."""

    size: int
    """Records in the tree."""
    records: int
    """Records in the ledger."""
    checkpoint: bytes | None
    """The newest."""
    signed: bool = False
    """Whether this call signed it."""

    @property
    def behind(self) -> int:
        """Records that are not in the tree."""
        return self.records - self.size


class LogWriter:
    """Extends and signs the log of a store; any number of processes may have one.

    Args:
        owner: names this process.
        directory: of the key, where the settings name none.
    """

    def __init__(self, store: Store, settings: LogSettings, directory: Path, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._settings = settings
        self.key_file = settings.key_file(directory)
        self.files = CheckpointFiles(settings.checkpoint_folder(directory))
        self._keys: LogKeys | None = None
        self._keys_read: tuple[int, int] | None = None
        self._last: Checkpoint | None = None
        """The last that was signed, as far as this process knows."""
        self._kept_at = 0.0

    @property
    def password(self) -> str | None:
        """The path of the key file."""
        password = self._settings.key_password
        return None if password is None else password.get_secret_value()

    async def behind(self) -> bool:
        """Whether there is something to extend or to sign."""
        return await self._store.read(is_behind)

    async def keys(self) -> LogKeys:
        """The keys, made if there are none anywhere; read again when their file has changed.

        Raises:
            ForeignLog: the store has a log, whose key is not here.
            UnusableKey: the key file cannot be used.
        """
        read = self._stamp()
        if self._keys is None or read != self._keys_read:
            self._keys = await self._load()
            self._keys_read = self._stamp()
            self._last = await asyncio.to_thread(self._newest_signed, self._keys)
        return self._keys

    async def read_keys(self) -> LogKeys:
        """The existing keys; none are made.

        Raises:
            UnusableKey: there are none, or they cannot be used.
        """
        try:
            return await asyncio.to_thread(read_keys, self.key_file, self.password)
        except FileNotFoundError as error:
            raise UnusableKey(f"there is no key {self.key_file}") from error

    async def advance(self, *, keep: bool = False) -> Signed | None:
        """Add the next records to the tree and sign it; None where another process does.

        Args:
            keep: whether to keep a copy of the checkpoint, however young the last one is.

        Raises:
            ForeignLog, UnusableKey: see :meth:`keys`.
            LogInconsistent: the ledger is not the one that was signed.
            StoreUnavailable, OSError: the store, or the directory of checkpoints, cannot be used.
        """
        keys = await self.keys()
        done = await self._store.write(partial(self._advance, keys))
        if done is None or done.checkpoint is None:
            return done
        checkpoint = open_checkpoint(done.checkpoint, keys.verifiers).checkpoint
        if checkpoint != self._last or done.signed or keep:
            kept = keep or time.monotonic() - self._kept_at >= self._settings.kept_seconds
            await asyncio.to_thread(self._put, done.checkpoint, checkpoint.size, kept)
        self._last = checkpoint
        return done

    async def catch_up(self) -> Signed | None:
        """Advance until everything that is in the ledger is signed.

        Raises:
            As :meth:`advance`.
        """
        while (done := await self.advance()) is not None and done.behind:
            pass
        return done

    async def release(self) -> None:
        """Let another process extend the log at once.

        Raises:
            StoreUnavailable
        """
        await self._store.write(partial(drop_lease, owner=self._owner))

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.key_file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    async def _load(self) -> LogKeys:
        try:
            return await asyncio.to_thread(read_keys, self.key_file, self.password)
        except FileNotFoundError:
            row = await self._store.read(read_log)
        if row is not None:
            try:  # another process may have made them since
                return await asyncio.to_thread(read_keys, self.key_file, self.password)
            except FileNotFoundError as error:
                raise ForeignLog(_foreign(row, self.key_file)) from error
        origin = self._settings.origin or default_origin()
        return await asyncio.to_thread(make_keys, self.key_file, origin, password=self.password)

    def _newest_signed(self, keys: LogKeys) -> Checkpoint | None:
        note = self.files.newest()
        return None if note is None else open_checkpoint(note, keys.verifiers).checkpoint

    def _put(self, note: bytes, size: int, keep: bool) -> None:
        self.files.put(note, size, keep=keep)
        if keep:
            self._kept_at = time.monotonic()
            self.files.sweep()

    def _advance(self, keys: LogKeys, connection: Connection) -> Signed | None:
        start_log(connection, keys.text)
        row = read_log(connection)
        assert row is not None
        if row.keys != keys.text:
            if not _extends(keys, row):
                raise ForeignLog(_foreign(row, self.key_file))
            set_keys(connection, keys.text)
        if not take_lease(connection, self._owner, now_us(), int(LEASE_SECONDS * 1_000_000)):
            return None
        size = extend_tree(connection, row.size, _BATCH_SIZE)
        records = last_record(connection)
        if records < size:
            raise LogInconsistent(
                f"the ledger ends at record {records}, its log at {size}: {_WHAT_TO_DO}"
            )
        root = self._consistent_root(connection, keys, row, size)
        if not size or not self._to_sign(keys, row, size):
            return Signed(size, records, row.checkpoint)
        note = str(sign_checkpoint(Checkpoint(keys.origin, size, root), keys.signers)).encode()
        set_checkpoint(connection, note)
        return Signed(size, records, note, signed=True)

    def _consistent_root(
        self, connection: Connection, keys: LogKeys, row: LogRow, size: int
    ) -> bytes:
        """The tree's root, if it begins with every tree that is known to have been signed."""
        signed = [] if self._last is None else [self._last]
        if row.checkpoint is not None:
            signed.append(open_checkpoint(row.checkpoint, keys.verifiers).checkpoint)
        tree = TiledTree(tile_source(connection))
        for checkpoint in dict.fromkeys(signed):
            if checkpoint.size > size:
                raise LogInconsistent(
                    f"{checkpoint.size} records were signed, and the ledger's log has {size}: "
                    f"{_WHAT_TO_DO}"
                )
            if _root(tree, checkpoint.size) != checkpoint.root:
                raise LogInconsistent(
                    f"the log is not the one that was signed at {checkpoint.size} records: "
                    f"{_WHAT_TO_DO}"
                )
        return _root(tree, size)

    def _to_sign(self, keys: LogKeys, row: LogRow, size: int) -> bool:
        if row.checkpoint is None:
            return True
        opened = open_checkpoint(row.checkpoint, keys.verifiers)
        signers = {signer.verifier for signer in keys.signers}
        return opened.checkpoint.size != size or not signers <= set(opened.signed_by)


_WHAT_TO_DO = "`lineal verify` says what is wrong; nothing is signed until it is mended"


def _root(tree: TiledTree, size: int) -> bytes:
    try:
        return tree.root(size)
    except LookupError as error:
        raise LogInconsistent(f"{error}: {_WHAT_TO_DO}") from error


def _extends(keys: LogKeys, row: LogRow) -> bool:
    """Whether keys are those of the row and newer ones: they were rotated."""
    known = parse_verifier_keys(row.keys)
    return keys.verifiers[: len(known)] == known


def _foreign(row: LogRow, file: Path) -> str:
    newest = parse_verifier_keys(row.keys)[-1]
    return (
        f"the store's log {newest.name} is signed with the key {newest.id.hex()}, which is not in "
        f"{file}: put it there, or name its file by LINEAL_LOG__KEY"
    )


async def sign_behind(store: Store, settings: LogSettings, directory: Path) -> None:
    """Sign what is in the ledger and was not signed yet, unless another process does.

    Raises:
        As :meth:`LogWriter.advance`.
    """
    if not await store.read(is_behind):
        return
    writer = LogWriter(store, settings, directory, f"{this_worker()}/{uuid4().hex[:8]}")
    if await writer.catch_up() is not None:
        await writer.release()
