"""Acts and roles: what can be done, and who may do it, as data.

A role has the acts of all roles before it. An ingress asks a credential for the act that it needs,
and never an event for what it says of itself.
"""

from __future__ import annotations

from typing import Literal, get_args

from lineal.errors import LinealError

Act = Literal[
    "read", "upload", "publish", "review", "metrics", "redrive", "replay", "promote", "deploy",
    "redact", "represent", "sign", "erase", "manage",
]  # fmt: skip
"""``read``: documents, searches, lineage. ``publish``: events of an ingress's types. ``deploy``:
begin, pause and abort rollouts. ``represent``: put documents under the names of others, and speak
for them in conversations. ``manage``: users and tokens."""

Role = Literal["reader", "uploader", "reviewer", "operator", "owner"]

_ADDED: dict[Role, tuple[Act, ...]] = {
    "reader": ("read",),
    "uploader": ("upload", "publish"),
    "reviewer": ("review",),
    "operator": ("metrics", "redrive", "replay", "promote", "deploy", "redact", "represent"),
    "owner": ("sign", "erase", "manage"),
}
"""What a role may do beyond the roles before it."""

ACTS: tuple[Act, ...] = get_args(Act)
ROLES: tuple[Role, ...] = get_args(Role)


class NotPermitted(LinealError, PermissionError):
    """The actor may not do this; the message says which role may."""


class UnknownAct(LinealError, ValueError):
    """There is no act, or no role, of this name."""


def acts_of(role: Role) -> frozenset[Act]:
    """All acts of a role."""
    roles = ROLES[: ROLES.index(role) + 1]
    return frozenset(act for each in roles for act in _ADDED[each])


def role_for(act: Act) -> Role:
    """The role with the fewest acts that may do this."""
    return next(role for role in ROLES if act in _ADDED[role])


def read_acts(names: str) -> frozenset[Act]:
    """Acts that are named in a list with commas; a role stands for all that it may do.

    Raises:
        UnknownAct: one is neither.
    """
    found: set[Act] = set()
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name in ROLES:
            found |= acts_of(read_role(name))
        elif name in ACTS:
            found.add(name)
        else:
            raise UnknownAct(f"{name!r} is none of {', '.join(ACTS)}, nor a role")
    return frozenset(found)


def read_role(name: str) -> Role:
    """The role of a name.

    Raises:
        UnknownAct: there is none.
    """
    for role in ROLES:
        if role == name:
            return role
    raise UnknownAct(f"there is no role {name!r}: {', '.join(ROLES)}")
