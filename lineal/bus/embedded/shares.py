"""Divides a group's partitions into shares, evenly among its members."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class Shares:
    """The partitions of a group's topics, as they are handed out.

    A share holds the partitions of one number in all topics: a key has the same number in topics
    of the same size, so a redriven event and a live one of its key are never with two members.
    Shares are counted by kind (which topics are in them), since topics are not equally busy: a
    member that had the quiet ones and none of the busy ones would have nothing to do.

    Args:
        partitions: topic and number by partition id.
    """

    def __init__(self, partitions: Mapping[int, tuple[str, int]]) -> None:
        numbers: dict[int, set[int]] = {}
        for identifier, (_, number) in partitions.items():
            numbers.setdefault(number, set()).add(identifier)
        self.all = [frozenset(numbers[number]) for number in sorted(numbers)]
        self.by_kind: dict[str, list[frozenset[int]]] = {}
        for share in self.all:
            kind = " ".join(sorted(partitions[identifier][0] for identifier in share))
            self.by_kind.setdefault(kind, []).append(share)

    def of(self, member: str, members: Collection[str]) -> dict[str, int]:
        """How many shares of each kind are a member's; every member computes the same."""
        place = sorted(members).index(member)
        most = {}
        for index, (kind, shares) in enumerate(sorted(self.by_kind.items())):
            each, extra = divmod(len(shares), len(members))
            most[kind] = each + ((place + index) % len(members) < extra)
        return most
