"""Ingests one object of a bucket, once for each of its versions."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import IO, Any, BinaryIO, NamedTuple, cast
from urllib.parse import quote

from botocore.exceptions import ClientError

from lineal.errors import LinealError, StoreUnavailable
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal.store.s3 import AWAY
from lineal_producers.arrival import Arrival, ArrivalSource, announce, readable_name, store
from lineal_producers.s3.effects import ObjectIngested
from lineal_producers.settings import ArrivalSettings
from lineal_schemas.envelope import now_us

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_CHUNK = 1 << 20
_ACTOR = "process:s3"
_IN_MEMORY = 8 << 20


class ObjectDeleted(LinealError, LookupError):
    """The object is not in the bucket any more."""


class S3Object(NamedTuple):
    """One state of an object."""

    bucket: str
    key: str
    version: str
    """The ETag: another for other bytes."""
    version_id: str | None = None
    """Which version to read, in a bucket that has them; None: the newest."""

    @property
    def source(self) -> str:
        """Its URI."""
        return f"s3://{self.bucket}/{quote(self.key)}"


@dataclass(frozen=True)
class Patterns:
    """Which keys are ingested, by the key below the prefix: those that match an ``include`` (all
    where there is none) and no ``exclude``. ``*`` matches anything, slashes too, ``?`` one
    character, ``[...]`` for one of a set."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def take(self, key: str) -> bool:
        wanted = not self.include or any(fits(key) for fits in self._included)
        return wanted and not any(fits(key) for fits in self._excluded)

    @cached_property
    def _included(self) -> list[Callable[[str], Any]]:
        return _compiled(self.include)

    @cached_property
    def _excluded(self) -> list[Callable[[str], Any]]:
        return _compiled(self.exclude)


def _compiled(patterns: Sequence[str]) -> list[Callable[[str], Any]]:
    return [re.compile(translate(pattern)).match for pattern in patterns]


def is_folder(key: str) -> bool:
    """Whether a key is what consoles make to show an empty folder."""
    return key.endswith("/")


async def ingested_versions(runtime: Runtime, bucket: str, prefix: str) -> dict[str, str]:
    """Which version of each key was taken last."""

    def ask(connection: Connection) -> dict[str, str]:
        rows = connection.execute(
            "SELECT name, version FROM taken_objects WHERE bucket = ? AND name >= ? AND name < ?",
            (bucket, prefix, prefix + "\U0010ffff"),
        )
        return dict(rows.fetchall())

    await runtime.flush_ledger()
    return await runtime.store.read(ask)


async def take(client: Any, runtime: Runtime, found: S3Object) -> Arrival:
    """Take an object in and note its version as taken. The same version again is the same event.

    Raises:
        ObjectDeleted: it is not there any more.
        StoreUnavailable: S3 cannot be reached, or refuses.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(runtime.settings.data)) as spool:
        version = await _download(client, found, spool)
        await asyncio.to_thread(spool.seek, 0)
        content = await store(runtime, cast("BinaryIO", spool))
    origin = ArrivalSource(
        name=readable_name(found.key.rpartition("/")[2]),
        source=found.source,
        actor=_ACTOR,
        occurrence=version,
        tenant=runtime.settings.section(ArrivalSettings).tenant,
    )
    taken = ObjectIngested(found.bucket, found.key, version, now_us())
    return await announce(runtime, origin, content=content, effects=[taken])


async def _download(client: Any, found: S3Object, sink: IO[bytes]) -> str:
    """Returns the version that was downloaded, which may be newer than the one that was listed."""
    wanted = {} if found.version_id is None else {"VersionId": found.version_id}
    with errors(found.source):
        answer = await client.get_object(Bucket=found.bucket, Key=found.key, **wanted)
        async with answer["Body"] as stream:
            while chunk := await stream.read(_CHUNK):
                await asyncio.to_thread(sink.write, chunk)
    return str(answer["ETag"]).strip('"')


@contextlib.contextmanager
def errors(what: str) -> Iterator[None]:
    """Turn S3's errors into ours.

    Raises:
        ObjectDeleted, StoreUnavailable
    """
    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        if str(told.get("Code")) in _MISSING:
            raise ObjectDeleted(f"{what} is not there") from error
        raise StoreUnavailable(f"{what}: {told.get('Code')}: {told.get('Message')}") from error
    except AWAY as error:
        raise StoreUnavailable(f"{what}: {error}") from error
