"""What is verified from the command line, and which keys are trusted to have signed it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lineal.producers import broker_types
from lineal.proof.checkpoint import Checkpoint, open_checkpoint
from lineal.proof.files import CheckpointFiles
from lineal.proof.kept_checkpoints import KeptCheckpoint, checkpoints_at, witnessed_checkpoints
from lineal.proof.keys import read_verifier_keys
from lineal.proof.log_tables import is_behind, read_log
from lineal.proof.note import VerifierKey, parse_verifier_key
from lineal.proof.policy import Policy, read_policy
from lineal.proof.verification import Progress, VerificationContext, begin_snapshot
from lineal.settings import LogSettings
from lineal.store.connection import Connection
from lineal_cli.options import CommandFailed, load_settings
from lineal_cli.reading import ReadBlobs, reading, reading_blobs

_BEHIND_SECONDS = 2.0
_POLL_SECONDS = 0.1
_TRIES = 20


class OnlineChecks(NamedTuple):
    """Who is asked beside the data folder: the witnesses of the policy, and a broker."""

    topics: bool
    """Whether the broker's topics are read."""
    progress: Progress


@contextlib.contextmanager
def verification(
    data: Path | None,
    *,
    keys: Sequence[str] = (),
    policy: Path | None = None,
    since: Path | None = None,
    given: Sequence[str] = (),
    online: OnlineChecks | None = None,
) -> Iterator[VerificationContext]:
    """One state of the store, with the checkpoints outside of it.

    Args:
        keys: verifier keys to trust; none: those of the policy, else that of the data folder.
        since: a checkpoint, before which all was verified.
        given: checkpoints that were kept elsewhere: files, data folders, addresses.
        online: who else is asked; None: nobody.

    Raises:
        Unreachable: there is no checkpoint where one is said to be.
        CommandFailed: there is no data, or no key to trust.
        MalformedNote, MalformedPolicy, WrongSignature: what is given is none.
    """
    with reading(data) as (connection, folder), _large_objects(folder) as large:
        settings = load_settings(folder)
        chosen = policy or settings.log.policy
        rules = None if chosen is None else read_policy(chosen)
        trusted = _trusted(keys, rules, settings.log, folder)
        begun = None if since is None else _checkpoint(since, trusted)
        files = CheckpointFiles(settings.log.checkpoint_folder(folder))
        kept = [item for place in given for item in checkpoints_at(place, trusted)]
        silent: list[str] = []
        witnessed: list[KeptCheckpoint] = []
        if online is not None and rules is not None:
            origins = [key.name for key in trusted]
            witnessed += witnessed_checkpoints(rules, origins, silent)
        topics = None
        if online is not None and online.topics and settings.bus != "sqlite:":
            from lineal_cli.broker_topics import topics_of_broker

            topics = topics_of_broker(settings, {key.name for key in trusted}, online.progress)
        _wait_until_signed(connection)
        for _ in range(_TRIES):
            outside = files.load()
            begin_snapshot(connection)
            row = read_log(connection)
            if row is None or row.checkpoint == outside.newest:
                break
            # A daemon signs just now: database and directory are not of the same moment.
            connection.execute("ROLLBACK")
            time.sleep(_POLL_SECONDS)
        else:
            begin_snapshot(connection)
        context = VerificationContext(
            connection, folder, outside, trusted, rules, begun, kept, witnessed, large,
            broker_types(settings), topics,
        )  # fmt: skip
        if silent:
            context.results["silent_witnesses"] = ", ".join(silent)
        if topics is not None and topics.left_out:
            context.results["topics_left_out"] = ", ".join(topics.left_out)
        yield context


@contextlib.contextmanager
def _large_objects(folder: Path) -> Iterator[ReadBlobs]:
    """As they are where they are kept: a copy that was fetched before says nothing of that."""
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".verify-") as cache,
        reading_blobs(folder, Path(cache)) as large,
    ):
        yield large


def _trusted(
    keys: Sequence[str], policy: Policy | None, settings: LogSettings, folder: Path
) -> Sequence[VerifierKey]:
    if keys:
        return [parse_verifier_key(key) for key in keys]
    if policy is not None and policy.logs:
        return [log.key for log in policy.logs]
    file = settings.key_file(folder)
    try:
        return read_verifier_keys(file)[-1:]
    except FileNotFoundError as error:
        raise CommandFailed(
            f"there is no {file}: name the log's verifier key with --key (`lineal log key` prints "
            "it where the log is signed), or start a daemon, which makes a key and signs the ledger"
        ) from error


def _checkpoint(file: Path, keys: Sequence[VerifierKey]) -> Checkpoint:
    return open_checkpoint(file.read_bytes(), keys).checkpoint


def _wait_until_signed(connection: Connection) -> None:
    """A daemon signs what was appended within a second."""
    until = time.monotonic() + _BEHIND_SECONDS
    while is_behind(connection) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
