"""What is in a backup: a folder with a database, objects, checkpoints, and a manifest of them."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from lineal.errors import LinealError
from lineal.proof.files import write_durably

MANIFEST: Final = "manifest.json"
OBJECTS: Final = "objects"
CHECKPOINTS: Final = "checkpoints"
KEYS: Final = "keys"
LIST: Final = "objects.list"
"""Digest and size of each object, a line each, by digest."""


class MalformedBackup(LinealError, ValueError):
    """A folder is no backup, or not a whole one."""


class Part(BaseModel):
    """A file of a backup."""

    model_config = ConfigDict(frozen=True)

    file: str
    """Its path in the backup."""
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """See the module. The names are those of the file's JSON."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made: int
    """When the backup began, in microseconds since the Unix epoch."""
    lineal: str
    """The version that made it."""
    database: Part
    """The data folder's own, as SQLite keeps it."""
    store: Part | None = None
    """A dump of the store, where that is in Postgres."""
    objects: Part
    """The list of objects."""
    records: int
    """In the ledger; in a dump of a store in Postgres there may be some more."""
    signed: int
    """Of those, the ones that a checkpoint in the backup covers."""
    log_keys: tuple[str, ...]
    """Verifier keys of the log."""
    keys: tuple[Part, ...] = ()
    """Private keys and tokens, if they were asked for."""


def part_of(folder: Path, file: str) -> Part:
    """A file as the manifest names it.

    Raises:
        OSError: it cannot be read.
    """
    path = folder / file
    with path.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
    return Part(file=file, bytes=path.stat().st_size, sha256=digest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it; from then on this is what the backup is.

    Raises:
        OSError: it cannot be written.
    """
    indented = orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2)
    write_durably(folder / MANIFEST, indented + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        MalformedBackup: there is none, or it cannot be read.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise MalformedBackup(f"{folder} is no backup: it has no {MANIFEST}") from error
    except ValidationError as error:
        raise MalformedBackup(
            f"{folder / MANIFEST} cannot be read: {error.errors()[0]['msg']}"
        ) from error
    parts = [manifest.database, manifest.objects, *manifest.keys]
    for part in [*parts, *([] if manifest.store is None else [manifest.store])]:
        if Path(part.file).is_absolute() or ".." in Path(part.file).parts:
            raise MalformedBackup(
                f"{folder / MANIFEST} names {part.file}, which is not in the backup"
            )
    return manifest


def check_part(folder: Path, part: Part) -> str | None:
    """What is wrong with a file of a backup; None if nothing is."""
    try:
        found = part_of(folder, part.file)
    except FileNotFoundError:
        return f"{part.file} is missing"
    return None if found == part else f"{part.file} is not what the manifest says"


def listed_objects(folder: Path, manifest: Manifest) -> dict[str, int]:
    """Digests and sizes of the objects of a backup.

    Raises:
        MalformedBackup: the list cannot be read.
    """
    try:
        lines = (folder / manifest.objects.file).read_text().splitlines()
        return {digest: int(size) for digest, size in (line.split() for line in lines)}
    except (FileNotFoundError, ValueError) as error:
        raise MalformedBackup(f"{manifest.objects.file} cannot be read: {error}") from error
