"""The list of documents as its address says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from starlette.datastructures import ImmutableMultiDict

from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.listing import FACETS

FIELDS = ("text", "status", "owner", "label", "tag", "since", "until", *FACETS)
"""Parameters of the address that restrict the list."""


def wanted_documents(query: ImmutableMultiDict[str, str] | Mapping[str, str]) -> DocumentFilter:
    """What parameters of an address ask for; those that make no sense restrict nothing."""
    key, equals, value = query.get("label", "").partition("=")
    until = _day(query.get("until", ""))
    return DocumentFilter(
        text=query.get("text") or None,
        status=query.get("status") or None,
        owner=query.get("owner") or None,
        labels={key: value} if key and equals else {},
        tags=(query["tag"],) if query.get("tag") else (),
        facets={name: query[name] for name in FACETS if query.get(name)},
        since=_microseconds(_day(query.get("since", ""))),
        until=None if until is None else _microseconds(until + timedelta(days=1)),
    )


def query_string(query: Mapping[str, str], **changes: str | None) -> str:
    """The parameters of the list with some of them changed, or left out where None."""
    kept = {name: query[name] for name in FIELDS if query.get(name)}
    changed = {name: value for name, value in (kept | changes).items() if value}
    return urlencode(changed)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _microseconds(day: date | None) -> int | None:
    if day is None:
        return None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1_000_000)
