"""Who may read an object by S3's own access list (ACL).

Buckets made since 2023 have none: there the owner of the bucket decides by policies, which say
which requests are allowed and not who somebody is. Source: Amazon S3 User Guide, "Access control
list (ACL) overview".
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from lineal_producers.s3.errors import errors

_GROUPS = "http://acs.amazonaws.com/groups/global/"
_EVERYBODY = frozenset({f"{_GROUPS}AllUsers", f"{_GROUPS}AuthenticatedUsers"})
_READING = frozenset({"READ", "FULL_CONTROL"})
_MAX_CONCURRENT = 16


class ObjectReaders(NamedTuple):
    """Who may read an object."""

    readers: tuple[str, ...] | None
    """None: everybody who may read documents."""
    digest: str
    """Another for another list."""


@dataclass(frozen=True, slots=True)
class AccessLists:
    """Reads access lists of objects.

    Attributes:
        users: our names of canonical users, by their ids. Who has none may see nothing.
    """

    users: Mapping[str, str]

    async def of_objects(
        self, client: Any, bucket: str, keys: Sequence[str]
    ) -> dict[str, ObjectReaders]:
        """The lists of objects, by key; one request for each.

        Raises:
            ObjectDeleted: one is not there any more.
            StoreUnavailable: S3 cannot be reached, or does not tell.
        """
        limit = asyncio.Semaphore(_MAX_CONCURRENT)

        async def one(key: str) -> ObjectReaders:
            async with limit:
                with errors(f"s3://{bucket}/{key}"):
                    answer = await client.get_object_acl(Bucket=bucket, Key=key)
            return self.read(answer["Grants"])

        return dict(zip(keys, await asyncio.gather(*map(one, keys)), strict=True))

    def read(self, grants: Sequence[Mapping[str, Any]]) -> ObjectReaders:
        """Who may read by the grants of a list."""
        grantees = [grant["Grantee"] for grant in grants if grant["Permission"] in _READING]
        readers: tuple[str, ...] | None = None
        if not any(grantee.get("URI") in _EVERYBODY for grantee in grantees):
            ids = {grantee["ID"] for grantee in grantees if "ID" in grantee}
            readers = tuple(sorted(self.users[id] for id in ids if id in self.users))
        found = hashlib.sha256(orjson.dumps(readers)).hexdigest()
        return ObjectReaders(readers, f"/{found[:12]}")
