"""Rotates the log's key; the rotation is recorded like any other act."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lineal.effects.records import lineage_records
from lineal.errors import StoreUnavailable
from lineal.lineage.actor import acting_user, this_worker
from lineal.lineage.canonical import canonical_bytes
from lineal.lineage.index import rebuild_index
from lineal.lineage.ledger import put_record, steps_of_subject
from lineal.lineage.record import StepEntry, record_of
from lineal.proof.checkpoint import open_checkpoint
from lineal.proof.errors import LogInconsistent
from lineal.proof.keys import LogKeys, new_signer, replace_keys
from lineal.proof.log_tables import forget_log, read_log
from lineal.proof.note import VerifierKey
from lineal.proof.trust import KEY_AFTER, KEY_BEFORE, ROTATION, log_subject
from lineal.proof.writer import LogWriter
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_schemas.envelope import now_us

LOG_BEFORE, SIGNED_BEFORE = "log_before", "signed_before"
"""Attributes of the record that begins another log: the name of the one before, and how many
records it had signed."""
LOST, RECORD = "lost", "record"
"""Kind of the records that stand in the place of lost ones, and their attribute: its number."""
_POLL_SECONDS = 0.1
_WAIT_SECONDS = 60.0


async def rotate_key(runtime: Runtime) -> LogKeys:
    """Make a new key and record it; the checkpoint that covers the record is signed by both keys,
    and what follows by the new one alone. What was interrupted is brought to its end.

    Raises:
        UnusableKey, ForeignLog, LogInconsistent: the log cannot be signed.
        StoreUnavailable: whoever signs the log does not do it.
    """
    settings = runtime.settings
    writer = LogWriter(runtime.store, settings.log, settings.data, this_worker())
    keys = await writer.keys()
    await writer.catch_up()
    if len(keys.signers) == 1:
        keys = new_signer(keys)
        await asyncio.to_thread(replace_keys, writer.key_file, keys, writer.password)
    before, after = keys.verifiers[-2:]
    if not await runtime.store.read(partial(_is_recorded, before, after)):
        entry = StepEntry(
            log_subject(keys.origin),
            now_us(),
            kind=ROTATION,
            attributes={KEY_AFTER: str(after), KEY_BEFORE: str(before)},
        )
        record = record_of(entry, build=None, actor=acting_user(), worker=this_worker())
        await runtime.committer.publish([], lineage_records([record]))
        await runtime.flush_ledger()
    checkpoint = await _signed_by_both(runtime, writer, keys)
    size = open_checkpoint(checkpoint, keys.verifiers).checkpoint.size
    await asyncio.to_thread(partial(writer.files.put, checkpoint, size, keep=True))
    done = keys._replace(signers=keys.signers[-1:])
    await asyncio.to_thread(replace_keys, writer.key_file, done, writer.password)
    await writer.release()
    return done


async def begin_log(runtime: Runtime, reason: str) -> LogKeys:
    """Begin another log over the ledger as it is, under another name: for one that was restored
    from an older copy or salvaged with holes, whose log can never be signed again. Key and
    checkpoints of the one before are put aside, and a record says which it was. In the place of
    each record that is missing there is one that says so.

    Raises:
        ForeignLog, UnusableKey: the log is signed elsewhere, or its key cannot be used.
        LogInconsistent: the settings name the new log as the one before.
    """
    settings = runtime.settings
    before = LogWriter(runtime.store, settings.log, settings.data, this_worker())
    old = await before.read_keys()
    if settings.log.origin == old.origin:
        raise LogInconsistent(
            f"another log needs another name than {old.origin}: set LINEAL_LOG__ORIGIN, or unset it"
        )
    newest = before.files.newest()
    signed = 0 if newest is None else open_checkpoint(newest, old.verifiers).checkpoint.size
    suffix = old.verifiers[-1].id.hex()
    await asyncio.to_thread(_put_aside, [before.key_file, before.files.directory], suffix)
    await runtime.store.write(forget_log)
    after = LogWriter(runtime.store, settings.log, settings.data, this_worker())
    keys = await after.keys()
    await runtime.store.write(partial(_fill_gaps, keys.origin))
    entry = StepEntry(
        log_subject(keys.origin),
        now_us(),
        kind=ROTATION,
        reason=reason,
        attributes={LOG_BEFORE: old.origin, SIGNED_BEFORE: signed},
    )
    record = record_of(entry, build=None, actor=acting_user(), worker=this_worker())
    await runtime.committer.publish([], lineage_records([record]))
    await runtime.flush_ledger()
    await after.catch_up()
    await after.release()
    return keys


def _fill_gaps(origin: str, connection: Connection) -> None:
    """Record n is leaf n - 1: where there is none, no later one can be signed."""
    gaps = connection.execute(
        "SELECT before + 1, seq FROM (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before "
        "FROM ledger) AS pairs WHERE seq > before + 1"
    ).fetchall()
    for first, end in gaps:
        for number in range(first, end):
            entry = StepEntry(
                log_subject(origin), now_us(), kind=LOST,
                reason="the record that was here is lost", attributes={RECORD: number},
            )  # fmt: skip
            lost = record_of(entry, build=None, actor=acting_user(), worker=this_worker())
            put_record(connection, number, canonical_bytes(lost))
    if gaps:
        rebuild_index(connection)


def _put_aside(paths: Sequence[Path], suffix: str) -> None:
    for path in paths:
        if path.exists():
            path.rename(path.with_name(f"{path.name}.{suffix}"))


def _is_recorded(before: VerifierKey, after: VerifierKey, connection: Connection) -> bool:
    wanted = {KEY_AFTER: str(after), KEY_BEFORE: str(before)}
    steps = steps_of_subject(connection, log_subject(after.name))
    return any(dict(step.attributes) == wanted for step in steps)


async def _signed_by_both(runtime: Runtime, writer: LogWriter, keys: LogKeys) -> bytes:
    """The checkpoint that both keys signed, made here or by a daemon."""
    both = {signer.verifier for signer in keys.signers}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _WAIT_SECONDS
    while loop.time() < deadline:
        await writer.catch_up()
        row = await runtime.store.read(read_log)
        if row is not None and row.checkpoint is not None:
            opened = open_checkpoint(row.checkpoint, keys.verifiers)
            if set(opened.signed_by) == both and not await writer.behind():
                return row.checkpoint
        await asyncio.sleep(_POLL_SECONDS)
    raise StoreUnavailable(
        "another process has the log and does not sign it with the new key: see its log, and run "
        "this again"
    )
