"""Policies: which logs are trusted, and which witnesses must have signed (c2sp.org/tlog-policy)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from lineal.errors import LinealError
from lineal.proof.note import (
    COSIGNATURE,
    ED25519,
    MalformedNote,
    Note,
    VerifierKey,
    parse_verifier_key,
    verified_keys,
)

NOBODY = "none"
"""The quorum that needs no witness."""
_ALLOWED = re.compile(rb"[\x09\x0a\x20-\x7e\x80-\xff]*")


class MalformedPolicy(LinealError, ValueError):
    """A text is no policy; says which line and why."""


class KnownLog(NamedTuple):
    """A log that is trusted, and where it may be read."""

    key: VerifierKey
    url: str | None


class KnownWitness(NamedTuple):
    """A witness, and where it takes checkpoints."""

    key: VerifierKey
    url: str | None


class WitnessGroup(NamedTuple):
    """Witnesses or groups, and how many of them must have signed."""

    threshold: int
    members: tuple[str, ...]


class Policy(NamedTuple):
    """The requirements that a checkpoint has to meet."""

    logs: tuple[KnownLog, ...] = ()
    witnesses: Mapping[str, KnownWitness] = {}
    groups: Mapping[str, WitnessGroup] = {}
    quorum: str = NOBODY

    def satisfied_by(self, note: Note) -> bool:
        """Whether those have cosigned a checkpoint who must have.

        Raises:
            WrongSignature: a cosignature of a known witness is wrong.
        """
        return self.missing_of(note) is None

    def missing_of(self, note: Note) -> str | None:
        """The signatures that a checkpoint lacks, in words for people; None if it lacks none.

        Raises:
            WrongSignature: a cosignature of a known witness is wrong.
        """
        signed = self.cosigned_by(note)
        if self.quorum == NOBODY or self._holds(self.quorum, signed):
            return None
        only = f", only {', '.join(sorted(signed))}" if signed else ", and no witness has"
        return f"the quorum {self.quorum!r} has not signed it{only}"

    def cosigned_by(self, note: Note) -> set[str]:
        """The names of the witnesses that have cosigned a checkpoint.

        Raises:
            WrongSignature: a cosignature of a known witness is wrong.
        """
        keys = [witness.key for witness in self.witnesses.values()]
        signed = verified_keys(note, keys)
        return {name for name, witness in self.witnesses.items() if witness.key in signed}

    def _holds(self, name: str, signed: Collection[str]) -> bool:
        if name in self.witnesses:
            return name in signed
        group = self.groups[name]
        return sum(self._holds(member, signed) for member in group.members) >= group.threshold


def read_policy(file: Path) -> Policy:
    """Read a policy file.

    Raises:
        MalformedPolicy: it holds none.
        OSError: it cannot be read.
    """
    try:
        return parse_policy(file.read_bytes())
    except MalformedPolicy as error:
        raise MalformedPolicy(f"{file}: {error}") from error


def parse_policy(data: bytes) -> Policy:
    """Read a policy.

    Raises:
        MalformedPolicy: it is none.
    """
    if _ALLOWED.fullmatch(data) is None:
        raise MalformedPolicy("control characters")
    reading = _Reading()
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        items = [word for word in words if word]
        if not items or items[0].startswith("#"):
            continue
        try:
            reading.take(items[0], items[1:])
        except (MalformedPolicy, MalformedNote) as error:
            raise MalformedPolicy(f"line {number}: {error}") from error
    if reading.quorum is None:
        raise MalformedPolicy("no quorum: a line `quorum none` asks for no witness")
    return Policy(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)


class _Reading:
    """The policy of the lines that were read so far."""

    def __init__(self) -> None:
        self.logs: list[KnownLog] = []
        self.witnesses: dict[str, KnownWitness] = {}
        self.groups: dict[str, WitnessGroup] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def take(self, kind: str, items: list[str]) -> None:
        match kind, items:
            case "log", [vkey, *url] if len(url) < 2:
                key = _key(vkey, ED25519)
                if any(log.key.public == key.public for log in self.logs):
                    raise MalformedPolicy("the same log again")
                self.logs.append(KnownLog(key, url[0] if url else None))
            case "witness", [name, vkey, *url] if len(url) < 2:
                key = _key(vkey, COSIGNATURE)
                if any(witness.key.public == key.public for witness in self.witnesses.values()):
                    raise MalformedPolicy("the same witness again")
                self._new(name)
                self.witnesses[name] = KnownWitness(key, url[0] if url else None)
            case "group", [name, threshold, *members] if members:
                self._new(name)
                for member in members:
                    self._known(member)
                    if member in self._members:
                        raise MalformedPolicy(f"{member!r} is in two places")
                    self._members.add(member)
                self.groups[name] = WitnessGroup(
                    _threshold(threshold, len(members)), tuple(members)
                )
            case "quorum", [name]:
                if self.quorum is not None:
                    raise MalformedPolicy("a second quorum")
                if name != NOBODY:
                    self._known(name)
                self.quorum = name
            case _:
                raise MalformedPolicy(f"neither log, witness, group nor quorum: {kind!r}")

    def _new(self, name: str) -> None:
        if name == NOBODY or name in self.witnesses or name in self.groups:
            raise MalformedPolicy(f"{name!r} is defined already")

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise MalformedPolicy(f"{name!r} is not defined above")


def _key(vkey: str, type: int) -> VerifierKey:
    key = parse_verifier_key(vkey)
    if key.type != type:
        raise MalformedPolicy(f"the key of {key.name!r} is of another type")
    return key


def _threshold(text: str, members: int) -> int:
    if text in ("any", "all"):
        return 1 if text == "any" else members
    decimal = text.isascii() and text.isdecimal() and len(text) < 6
    if not decimal or not 1 <= int(text) <= members:
        raise MalformedPolicy(f"{text!r} of {members} members: any, all, or a number")
    return int(text)
