"""The processes that share the work for one broker: who lives, and how many shares each may have.

Members are a row in the store. The longest there have the shares that are left over when these are
divided, so that one who comes or goes moves as few as possible. When the number of shares is
changed, those who were started with the new one stand by until all others have left; then the old
leases are void.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_producers.mqtt.lease import LeaseTerms, revoke_leases
from lineal_producers.mqtt.rows import get_row, put_rows
from lineal_producers.mqtt.shares import shares_of
from lineal_schemas.envelope import now_us


class Member(NamedTuple):
    """A process."""

    since: int
    """When it joined, microseconds since the Unix epoch."""
    until: int
    """When it is taken for dead."""
    shares: int
    """The number of shares in its settings."""


class Members(NamedTuple):
    """The row."""

    shares: int
    """The number of shares in force."""
    former: int
    """The number before, of which processes may still be around that do not know; 0: none."""
    by_name: dict[str, Member]


class Quota(NamedTuple):
    """What a process may do."""

    shares: int
    """How many shares it may have."""
    former: int
    """See :attr:`Members.former`."""


class Membership:
    """This process among those of one client id."""

    def __init__(self, runtime: Runtime, client_id: str, shares: int, *, seconds: float) -> None:
        self._store = runtime.store
        self._terms = LeaseTerms(runtime, seconds)
        self._client_id = client_id
        self._shares = shares

    async def renew(self) -> Quota:
        """Say that this process lives; how many shares it may have. Writes only when something has
        changed, or a third of the time is over.

        Raises:
            StoreUnavailable
        """
        found, members = await self._store.read(self._look)
        if found is None or not self._is_same(found, members):
            members = await self._store.write(self._renew)
        return self._quota(members)

    async def leave(self) -> None:
        """Say that it ends.

        Raises:
            StoreUnavailable
        """

        def leave(connection: Connection) -> None:
            members = read_members(connection, self._client_id)
            if members is not None:
                members.by_name.pop(self._terms.holder, None)
                _put(connection, self._client_id, members)

        await self._store.write(leave)

    def _renew(self, connection: Connection) -> Members:
        found, members = self._look(connection)
        if found is not None and members.shares != found.shares:
            old = shares_of(found.shares)
            revoke_leases(connection, [share.client_id(self._client_id) for share in old])
        _put(connection, self._client_id, members)
        return members

    def _look(self, connection: Connection) -> tuple[Members | None, Members]:
        """The row as it is, and as it has to be now."""
        ours, now = self._terms.holder, now_us()
        found = read_members(connection, self._client_id)
        known = {} if found is None else found.by_name
        living = {
            name: member
            for name, member in known.items()
            if name == ours or not self._terms.is_over(name, member.until)
        }
        since = living[ours].since if ours in living else now
        living[ours] = Member(since, self._terms.until(now), self._shares)
        in_force = living[_ranked(living)[0]].shares
        if found is None:
            return None, Members(in_force, 0, living)
        former = found.former if in_force == found.shares else found.shares
        return found, Members(in_force, former, living)

    def _is_same(self, found: Members, members: Members) -> bool:
        ours = self._terms.holder
        if ours not in found.by_name or found.shares != members.shares:
            return False
        aged = members.by_name[ours].until - found.by_name[ours].until
        others = {name: member for name, member in found.by_name.items() if name != ours}
        living = {name: member for name, member in members.by_name.items() if name != ours}
        return others == living and aged < self._terms.seconds * 1e6 / 3

    def _quota(self, members: Members) -> Quota:
        if self._shares != members.shares:
            return Quota(0, 0)
        living = members.by_name
        peers = [name for name in _ranked(living) if living[name].shares == members.shares]
        each, left_over = divmod(self._shares, len(peers))
        return Quota(each + (peers.index(self._terms.holder) < left_over), members.former)


def _ranked(living: dict[str, Member]) -> list[str]:
    """The longest there first."""
    return sorted(living, key=lambda name: (living[name].since, name))


def read_members(connection: Connection, client_id: str) -> Members | None:
    """The processes of a client id; None before the first."""
    row = get_row(connection, _name(client_id))
    if row is None:
        return None
    fields = orjson.loads(row)
    by_name = {name: Member(*values) for name, values in fields["members"].items()}
    return Members(fields["shares"], fields["former"], by_name)


def _put(connection: Connection, client_id: str, members: Members) -> None:
    fields = {"shares": members.shares, "former": members.former, "members": members.by_name}
    put_rows(connection, {_name(client_id): orjson.dumps(_plain(fields))})


def _plain(fields: dict[str, object]) -> dict[str, object]:
    by_name = fields["members"]
    assert isinstance(by_name, dict)
    return {**fields, "members": {name: list(member) for name, member in by_name.items()}}


def _name(client_id: str) -> str:
    return f"bridges/{client_id}"
