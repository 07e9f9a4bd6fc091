"""The names of topics and groups on the cluster, and the partition of a key."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2

WITHOUT_GROUP = "lineal.without-group."
"""StartOffset of the groups whose offsets only say what became of a transaction without one."""

_SLASH = "-.-"


class Names:
    """Names with the prefix of this bus. Kafka's have no slash."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def on_kafka(self, name: str) -> str:
        """A topic's or group's name on the cluster.

        Raises:
            ValueError: it cannot be had there.
        """
        if _SLASH in name:
            raise ValueError(f"a name on Kafka cannot have {_SLASH!r} in it: {name!r}")
        return self._prefix + name.replace("/", _SLASH)

    def on_lineal(self, name: str) -> str | None:
        """The reverse; None for what is not of this bus."""
        if not name.startswith(self._prefix) or name.startswith("__"):
            return None
        return name[len(self._prefix) :].replace(_SLASH, "/")


@lru_cache(maxsize=65536)
def key_hash(key: str) -> int:
    """The hash that every Kafka client takes of a key: murmur2, without its sign."""
    return int(murmur2(key.encode())) & 0x7FFFFFFF
