"""Which documents are meant: by name, status, owner, labels, what was found in them, and time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lineal_catalog.documents.visibility import visible_to


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents are meant; what is not given does not restrict.

    Attributes:
        text: part of a name it arrived under, in any case.
        tags: all of which it has.
        facets: values of the search index (class, language, media_type).
        since: not registered before; microseconds since the Unix epoch.
        until: registered before.
    """

    text: str | None = None
    status: str | None = None
    owner: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    facets: Mapping[str, str] = field(default_factory=dict)
    since: int | None = None
    until: int | None = None

    def conditions(self, names: Collection[str] | None) -> tuple[list[str], list[Any]]:
        """SQL about ``registry`` and ``operations``, and its values.

        Args:
            names: those of who asks, who is shown only what they may see; None: an owner.
        """
        clauses, values = list[str](), list[Any]()
        if self.text:
            clauses.append(
                "(lower(registry.name) LIKE ? ESCAPE '\\' OR EXISTS (SELECT 1 FROM arrivals AS a "
                "WHERE a.document_id = registry.document_id AND lower(a.name) LIKE ? ESCAPE '\\'))"
            )
            values += [_containing(self.text)] * 2
        if self.status is not None:
            clauses.append("coalesce(operations.status, 'registered') = ?")
            values.append(self.status)
        if self.owner is not None:
            clauses.append(
                "EXISTS (SELECT 1 FROM ownership AS o "
                "WHERE o.document_id = registry.document_id AND o.owner = ?)"
            )
            values.append(self.owner)
        tagged = dict.fromkeys(self.tags, "")
        for table, wanted in (
            ("labels", {**self.labels, **tagged}),
            ("search_facets", self.facets),
        ):
            for key, value in wanted.items():
                clauses.append(
                    f"EXISTS (SELECT 1 FROM {table} AS l "
                    "WHERE l.document_id = registry.document_id AND l.key = ? AND l.value = ?)"
                )
                values += [key, value]
        for operator, time in ((">=", self.since), ("<", self.until)):
            if time is not None:
                clauses.append(f"registry.registered {operator} ?")
                values.append(time)
        if names is not None:
            visible, parameters = visible_to("registry.document_id", names)
            clauses.append(visible)
            values += parameters
        return clauses, values


def _containing(text: str) -> str:
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
