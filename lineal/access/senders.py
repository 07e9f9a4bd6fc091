"""What the sender of an event may do, by what the store has of them now."""

from __future__ import annotations

from lineal.access.credential import Credential, credential_of
from lineal.access.tokens import list_tokens
from lineal.access.users import UnknownUser, find_user
from lineal.lineage.actor import acting_user
from lineal.store.connection import Connection
from lineal_schemas.envelope import now_us


def credential_of_actor(connection: Connection, actor: str) -> Credential:
    """What somebody may do whom lineal has named as the actor of an event or a command.

    Users have their role, and tokens their scope within it, as long as they are valid. An account
    that is no user is one that works on the data folder itself: the owner. Nobody else may do
    anything.
    """
    kind, _, name = actor.partition(":")
    if kind == "user":
        try:
            return credential_of(actor, find_user(connection, name).role)
        except UnknownUser:
            return credential_of(actor, "owner")
    now = now_us()
    for token in list_tokens(connection):
        if token.actor == actor and token.valid(now):
            behind = credential_of_actor(connection, f"user:{token.user or ''}")
            return Credential(actor, behind.acts & token.acts, token.types)
    return Credential(actor, frozenset())


def acting_credential(connection: Connection) -> Credential:
    """What the account that runs this process may do."""
    return credential_of_actor(connection, acting_user())
