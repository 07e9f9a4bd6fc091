"""Checkpoints that are kept out of reach of those who can edit the ledger: in another data folder,
with a witness, where a log is served."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lineal.proof.checkpoint_events import MAX_CHECKPOINTS, embedded_checkpoints
from lineal.proof.covering import covered_checkpoints
from lineal.proof.files import CheckpointFiles
from lineal.proof.http import Unreachable, request
from lineal.proof.note import VerifierKey
from lineal.proof.policy import Policy
from lineal.proof.witness import origin_hash
from lineal.store.sqlite import connect_read_only
from lineal.store.tables import tables_exist

_BUSY_SECONDS = 10.0
_WITNESS_SECONDS = 5.0
_NOT_FOUND = 404


class KeptCheckpoint(NamedTuple):
    """A checkpoint, and where it was kept."""

    where: str
    note: bytes


def checkpoints_at(place: str, keys: Sequence[VerifierKey]) -> Iterator[KeptCheckpoint]:
    """The checkpoints that are kept in a place.

    Args:
        place: a file; a data folder, of which the topic and the directory are read, or what it has
            recorded of the log if it covers it; or the address, with http or https, of a log that
            is served or of a witness.
        keys: of the log: a witness is asked for it.

    Raises:
        Unreachable: nobody answers there, or it has no checkpoint of the log.
        OSError, StoreUnavailable, StoreDamaged: it cannot be read.
    """
    if place.startswith(("http://", "https://")):
        yield from _served(place, keys)
        return
    path = Path(place)
    if not path.is_dir():
        yield KeptCheckpoint("the given checkpoint", path.read_bytes())
        return
    found = [*_covered_by(path, keys)] or [*_of_folder(path)]
    if not found:
        raise Unreachable(f"{place} holds no checkpoints: it is no data folder")
    yield from found


def _covered_by(folder: Path, keys: Sequence[VerifierKey]) -> Iterator[KeptCheckpoint]:
    """What a ledger that covers the log has recorded of it."""
    if not (folder / "lineal.db").is_file():
        return
    opened = connect_read_only(folder / "lineal.db", busy_seconds=_BUSY_SECONDS)
    with contextlib.closing(opened) as connection:
        if tables_exist(connection):
            for origin in dict.fromkeys(key.name for key in keys):
                for note in covered_checkpoints(connection, origin, MAX_CHECKPOINTS):
                    yield KeptCheckpoint(f"a checkpoint that {folder} has recorded", note)


def _of_folder(folder: Path) -> Iterator[KeptCheckpoint]:
    inside = folder / "checkpoints"
    outside = CheckpointFiles(inside if inside.is_dir() else folder).load()
    if outside.newest is not None:
        yield KeptCheckpoint(f"the newest checkpoint in {folder}", outside.newest)
    for name, _, note in outside.kept:
        yield KeptCheckpoint(f"{folder}/{name}", note)
    if (folder / "lineal.db").is_file():
        opened = connect_read_only(folder / "lineal.db", busy_seconds=_BUSY_SECONDS)
        with contextlib.closing(opened) as connection:
            if tables_exist(connection):
                for note in embedded_checkpoints(connection):
                    yield KeptCheckpoint(f"a checkpoint on the topic in {folder}", note)


def _served(url: str, keys: Sequence[VerifierKey]) -> Iterator[KeptCheckpoint]:
    origins = dict.fromkeys(key.name for key in keys)
    for path in ("checkpoint", *(f"{origin_hash(origin)}/checkpoint" for origin in origins)):
        answer = request(url, path)
        if answer.status == 200:
            yield KeptCheckpoint(f"the checkpoint at {url}", answer.body)
            return
        if answer.status != _NOT_FOUND:
            raise Unreachable(f"{url}/{path} answers {answer.status}")
    raise Unreachable(f"{url} has no checkpoint of the log")


def witnessed_checkpoints(
    policy: Policy, origins: Iterable[str], silent: list[str]
) -> Iterator[KeptCheckpoint]:
    """The newest that each witness of a policy has cosigned of some logs.

    Args:
        silent: gets the names of those that do not answer.
    """
    names = list(dict.fromkeys(origins))
    for name, witness in policy.witnesses.items():
        if witness.url is None:
            continue
        try:
            for origin in names:
                path = f"{origin_hash(origin)}/checkpoint"
                answer = request(witness.url, path, seconds=_WITNESS_SECONDS)
                if answer.status == 200:
                    yield KeptCheckpoint(f"the checkpoint of the witness {name}", answer.body)
        except Unreachable:
            silent.append(name)
