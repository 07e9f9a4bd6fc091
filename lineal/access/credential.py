"""What somebody has shown to be let in: who they are, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lineal.access.acts import Act, NotPermitted, Role, acts_of, role_for
from lineal.admission import AdmissionPolicy
from lineal.lineage.actor import acting_user


@dataclass(frozen=True, slots=True)
class Credential:
    """Made by the runtime of what was shown to it, never of what an event says.

    Attributes:
        actor: who acts, as lineage records name them: ``user:ann``, ``token:scanner``.
        acts: what they may do.
        types: patterns of the event types that they may publish, of those that the ingress
            admits; None for all of these.
    """

    actor: str
    acts: frozenset[Act]
    types: tuple[str, ...] | None = None

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

    def under(self, policy: AdmissionPolicy) -> AdmissionPolicy:
        """The policy of an ingress for them: it admits no more than they may publish."""
        return policy if self.types is None else replace(policy, only=self.types)


def credential_of(actor: str, role: Role) -> Credential:
    """What somebody of a role may do."""
    return Credential(actor, acts_of(role))


def owner_credential() -> Credential:
    """Whoever runs this process: the account of the operating system that owns the data folder."""
    return credential_of(acting_user(), "owner")
