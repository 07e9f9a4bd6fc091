"""The credential of an event's sender, by the present users and tokens of the store."""

from __future__ import annotations

from lineal.access.acts import Act
from lineal.access.credential import HTTP_TOKEN, Credential, credential_of
from lineal.access.tokens import list_tokens
from lineal.access.users import UnknownUser, find_user
from lineal.lineage.actor import acting_user
from lineal.lineage.ledger import steps_of_subject
from lineal.lineage.record import ACCESS
from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import now_us


def credential_of_actor(connection: Connection, actor: str) -> Credential:
    """What somebody may do whom lineal has named as the actor of an event or a command.

    Users have their role, and tokens their scope within it, as long as they are valid. Somebody
    who was a user and was removed may do nothing. An account that never was one works on the data
    folder itself: it is the owner, and so is the token of the settings. Nobody else may do
    anything.
    """
    if actor == HTTP_TOKEN:  # no API token is called so: see create_token
        return credential_of(actor, "owner")
    kind, _, name = actor.partition(":")
    if kind == "user":
        try:
            return credential_of(actor, find_user(connection, name).role)
        except UnknownUser:
            if _was_user(connection, actor):
                return Credential(actor, frozenset())
            return credential_of(actor, "owner")
    now = now_us()
    for token in list_tokens(connection):
        if token.actor == actor and token.valid(now):
            behind = credential_of_actor(connection, f"user:{token.user or ''}")
            return token.credential(behind.acts)
    return Credential(actor, frozenset())


def acting_credential(connection: Connection) -> Credential:
    """What the account that runs this process may do: the role of the user of its name, or all,
    since it works on the data folder itself."""
    actor = acting_user()
    try:
        return credential_of(actor, find_user(connection, actor.partition(":")[2]).role)
    except UnknownUser:
        return credential_of(actor, "owner")


async def read_acting_credential(store: Store) -> Credential:
    """The same, of a store that is open."""
    return await store.read(acting_credential)


async def require_acting(store: Store, act: Act) -> Credential:
    """What the account that runs this process may do, if this is among it.

    Raises:
        NotPermitted: the store knows a user of its name, whose role has no such act.
    """
    found = await read_acting_credential(store)
    found.require(act)
    return found


def _was_user(connection: Connection, actor: str) -> bool:
    """Whether somebody of this name was a user once: the ledger has a record of it."""
    return any(step.kind == ACCESS for step in steps_of_subject(connection, actor))
