"""The shares into which a broker's devices are divided, each worked for by one bridge at a time.

A share is known by its number and the count of all: a device is always in the same one. Each has a
lease, a session at the broker (so what waits there goes to whoever takes the share over), and a
name under which it publishes.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from lineal_schemas.mqtt_topics import ROOT

SHARE = "{share}"
"""Stands in a setting for the number of the share."""
_DEVICE = ROOT.count("/") + 1
"""The level of a topic that has the device's name."""


class Share(NamedTuple):
    """One of ``of`` shares."""

    number: int
    """From 1."""
    of: int

    def has(self, topic: str) -> bool:
        """Whether the device of a topic is in it. What has no device is in one of them as well."""
        return self.of == 1 or _number(topic, self.of) == self.number

    def client_id(self, bridge: str) -> str:
        """Its session at the broker, and its name in the store: a bridge with one share has the
        setting's name itself."""
        return bridge if self.of == 1 else f"{bridge}-{self.number}of{self.of}"


def shares_of(count: int) -> list[Share]:
    """All of so many shares."""
    return [Share(number, count) for number in range(1, count + 1)]


def share_of(device: str, count: int) -> Share:
    """The share of a device: by a hash that also spreads names that differ in a digit."""
    hashed = int.from_bytes(sha256(device.encode()).digest()[:8], "big")
    return Share(hashed % count + 1, count)


@lru_cache(maxsize=65_536)
def _number(topic: str, count: int) -> int:
    device = topic.split("/", _DEVICE + 1)[_DEVICE:][:1]
    return share_of("".join(device), count).number
