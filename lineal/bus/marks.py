"""Marks: how the workers of an installation know each other's events on a broker of many.

Whoever may write to a topic of Kafka or SNS can write any event there. An event that lineal
publishes carries a mark: an HMAC-SHA-256 (RFC 2104) over its attributes and its data,
made with a key that the installation's store holds, or its settings. What has no valid mark has
come in by no ingress of ours and from no stage; :class:`lineal.stages.pipeline.marks.CheckMarks`
says what becomes of it.

The key's id stands before the mark, so that keys can change: the newest marks, all are accepted.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from hashlib import sha256
from typing import NamedTuple

from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import RawEvent, now_us

_KEY_BYTES = 32
_REFRESH_SECONDS = 5.0
"""A key that another process has made is looked for no more often."""


class MarkKey(NamedTuple):
    """A key, and the id that its marks begin with."""

    key_id: str
    secret: bytes


class Marks:
    """Makes and checks marks.

    Args:
        keys: the newest first.
        store: where newer ones are found; None: the keys are those of the settings.
    """

    def __init__(self, keys: list[MarkKey], store: Store | None = None) -> None:
        self._use(keys)
        self._store = store
        self._looked = 0.0

    def _use(self, keys: list[MarkKey]) -> None:
        self._newest = keys[0].key_id
        # Copied for each event: setting one up costs as much as what is hashed.
        self._hashes = {key_id: hmac.new(secret, digestmod="sha256") for key_id, secret in keys}

    def marked(self, event: RawEvent) -> RawEvent:
        """The event as it is published: with the mark of the newest key."""
        return event._replace(mark=f"{self._newest}:{self._mac(self._newest, event)}")

    def valid(self, event: RawEvent) -> bool:
        """Whether a worker of this installation published the event as it is."""
        key_id, _, shown = (event.mark or "").partition(":")
        return key_id in self._hashes and hmac.compare_digest(
            self._mac(key_id, event).encode(), shown.encode("utf-8", "surrogatepass")
        )

    def _mac(self, key_id: str, event: RawEvent) -> str:
        message = self._hashes[key_id].copy()
        message.update(_attributes(event))
        message.update(event.data)
        return message.hexdigest()

    async def check(self, event: RawEvent) -> bool:
        """:meth:`valid`, also by a key that has been made since."""
        if self.valid(event):
            return True
        if event.mark is None or self._store is None or not self._knows_of_none(event.mark):
            return False
        now = asyncio.get_running_loop().time()
        if now - self._looked < _REFRESH_SECONDS:
            return False
        self._looked = now
        self._use(await self._store.read(stored_keys))
        return self.valid(event)

    def _knows_of_none(self, mark: str) -> bool:
        return mark.partition(":")[0] not in self._hashes


def _attributes(event: RawEvent) -> bytes:
    # All but the trace, which is nobody's word, and the mark. In the text of a tuple one value
    # cannot pass for two, nor the data that follows it for a value.
    return ascii(event[:8] + event[9:11] + event[12:14]).encode()


async def open_marks(store: Store, secrets_set: str | None) -> Marks:
    """The marks of an installation, by the secrets of its settings (with commas between them, the
    newest first) or else by the keys in its store, where the first is made.

    Raises:
        StoreUnavailable
    """
    if secrets_set:
        return Marks(keys_of(secrets_set))
    keys = await store.read(stored_keys)
    if not keys:
        keys = await store.write(_first_key)
    return Marks(keys, store)


def keys_of(secrets_set: str) -> list[MarkKey]:
    """The keys of the secrets of settings, the newest first."""
    named = [each.strip() for each in secrets_set.split(",") if each.strip()]
    return [MarkKey(_key_id(each.encode()), each.encode()) for each in named]


def stored_keys(connection: Connection) -> list[MarkKey]:
    """The keys in the store, the newest first."""
    rows = connection.execute("SELECT key_id, secret FROM mark_keys ORDER BY created DESC, key_id")
    return [MarkKey(key_id, bytes(secret)) for key_id, secret in rows]


def add_key(connection: Connection) -> MarkKey:
    """Make a key, which marks from now on; older ones are accepted still."""
    secret = secrets.token_bytes(_KEY_BYTES)
    key = MarkKey(_key_id(secret), secret)
    connection.execute("INSERT INTO mark_keys VALUES (?, ?, ?)", (*key, now_us()))
    return key


def remove_key(connection: Connection, key_id: str) -> bool:
    """Accept the marks of a key no longer; whether there was such a key."""
    removed = connection.execute("DELETE FROM mark_keys WHERE key_id = ?", (key_id,))
    return removed.rowcount == 1


def _first_key(connection: Connection) -> list[MarkKey]:
    return stored_keys(connection) or [add_key(connection)]


def _key_id(secret: bytes) -> str:
    return sha256(b"lineal mark key\n" + secret).hexdigest()[:8]
