"""Copies the objects that an event refers to from one region to another, by their digests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from lineal.bus.claim_check import check_out
from lineal.errors import ObjectCorrupt
from lineal.store.objects import ObjectStore
from lineal_schemas.envelope import RawEvent
from lineal_schemas.media_types import is_json
from lineal_schemas.objects import ObjectRef

_PREFIX = "lineal:objects/"
_FIELDS = frozenset(("uri", "sha256", "bytes", "media_type"))


async def referred_objects(event: RawEvent, objects: ObjectStore) -> list[ObjectRef]:
    """The objects that an event refers to: its own data, where that is too large for a bus, and all
    that its data names.

    Raises:
        ObjectMissing, ObjectCorrupt: its own data cannot be had.
        ValidationError: the reference to its data is malformed.
    """
    whole = await check_out(event, objects)
    found = {}
    if whole is not event:
        own = ObjectRef.model_validate_json(event.data)
        found[own.sha256] = own
    if is_json(whole.datacontenttype):
        try:
            value = from_json(whole.data)
        except ValueError:
            value = None  # whoever reads it says what is wrong with it
        for reference in _references(value):
            found.setdefault(reference.sha256, reference)
    return list(found.values())


def _references(value: Any) -> Iterator[ObjectRef]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if value.keys() >= _FIELDS and str(value["uri"]).startswith(_PREFIX):
            try:
                yield ObjectRef.model_validate(value)
            except ValidationError:
                return
        else:
            for item in value.values():
                yield from _references(item)


async def copy_objects(
    references: Sequence[ObjectRef], source: ObjectStore, target: ObjectStore
) -> None:
    """Copy what the target lacks; durable on return.

    Raises:
        ObjectMissing, ObjectCorrupt: the source lacks one, or it is not what its digest says.
    """
    there = await target.existing([reference.sha256 for reference in references])
    for reference in references:
        if reference.sha256 in there:
            continue
        path = await source.checked_path(reference)
        file = await asyncio.to_thread(path.open, "rb")
        with file:
            stored = await target.put_file(file)
        if stored.sha256 != reference.sha256:
            # It was changed between the check and the copy.
            await target.delete([stored.sha256])
            raise ObjectCorrupt(reference.sha256)
