"""Credentials: an authenticated actor and the acts that are permitted to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lineal.access.acts import Act, NotPermitted, Role, acts_of, role_for
from lineal.admission import AdmissionPolicy
from lineal.lineage.actor import acting_user

HTTP_TOKEN = "token:http"  # noqa: S105 - the name of an actor
"""The actor of what comes with the token of the settings, ``LINEAL_HTTP_TOKEN``: an owner's."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Made by the runtime after authentication, never from what an event claims.

    Attributes:
        actor: who acts, as lineage records name them: ``user:ann``, ``token:scanner``.
        acts: what they may do.
        types: patterns of the event types that they may publish, of those that the ingress
            admits; None for all of these.
        owner: in whose name they put things in: a user's own, which tokens of the user have too,
            or the one that a token is bound to.
        bound: a token that puts in things under this name, and no other.
        user: on whose behalf a token acts; None: it is no token, or the owner's.
    """

    actor: str
    acts: frozenset[Act]
    types: tuple[str, ...] | None = None
    owner: str | None = None
    bound: bool = False
    user: str | None = None

    @property
    def reader_names(self) -> tuple[str, ...]:
        """By which names access lists know them: a user's token as itself and as the user."""
        names = [self.actor, self.actor.removeprefix("user:")]
        if self.user is not None:
            names += [self.actor.partition(" of ")[0], f"user:{self.user}", self.user]
        return tuple(dict.fromkeys(names))

    def is_actor(self, actor: str) -> bool:
        """Whether an actor, as an event or a record names it, is the same: a user and the tokens
        of the user are one."""
        user = actor.partition(" of ")[2]
        return actor in self.reader_names or (bool(user) and f"user:{user}" in self.reader_names)

    def may(self, act: Act) -> bool:
        """Whether they may do this."""
        return act in self.acts

    def require(self, act: Act) -> None:
        """Go on only if they may do this.

        Raises:
            NotPermitted: they may not.
        """
        if not self.may(act):
            raise NotPermitted(
                f"{self.actor} may not {act}: that takes the role {role_for(act)}, "
                "or a token with this scope"
            )

    def owner_of(self, wanted: str | None) -> str | None:
        """Who will own what they put in under a name; None: nobody.

        Raises:
            NotPermitted: it is the name of somebody else, and they may not represent others.
        """
        if self.bound and wanted in (None, self.owner):
            return self.owner
        if wanted is None or (wanted in (self.owner, f"user:{self.owner}") and not self.bound):
            return wanted
        if self.may("represent") and not self.bound:
            return wanted
        own = f"name {self.owner!r}" if self.owner else "name no owner"
        raise NotPermitted(
            f"{self.actor} may not put anything under the name {wanted!r}: {own}, or have it done "
            f"by the role {role_for('represent')}, by a token with the scope represent, or by one "
            "that is bound to this owner (`lineal token create NAME --scope upload --owner OWNER`)"
        )

    def under(self, policy: AdmissionPolicy) -> AdmissionPolicy:
        """The admission policy of an ingress, narrowed to the types the actor may publish."""
        return policy if self.types is None else replace(policy, only=self.types)


def credential_of(actor: str, role: Role) -> Credential:
    """The credential of an actor with a role."""
    kind, _, name = actor.partition(":")
    return Credential(actor, acts_of(role), owner=name if kind == "user" else None)


def owner_credential() -> Credential:
    """The credential of who runs this process: the operating system's account that owns the data
    folder."""
    return credential_of(acting_user(), "owner")
