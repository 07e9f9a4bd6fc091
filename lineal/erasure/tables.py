"""How what the runtime's own tables hold of a subject is erased; projections say it of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lineal.erasure.erasures import KIND
from lineal.lineage.projections import Projection, installed_projections

_NO_CONTENT = "no content and no names"
_LEDGER = "commitments only, salted where the content could be guessed"
_WITH_FILES = "by lineal_producers.ingested_sources, unless the file is still there"

RUNTIME_TABLES: Mapping[str, str] = {
    "topics": _NO_CONTENT,
    "partitions": _NO_CONTENT,
    "groups": _NO_CONTENT,
    "group_partitions": _NO_CONTENT,
    "group_completed": _NO_CONTENT,
    "group_members": _NO_CONTENT,
    "events": "by lineal.bus.embedded.erasing",
    "builds": _NO_CONTENT,
    "ledger": _LEDGER,
    "ledger_index": _LEDGER,
    "ledger_positions": _NO_CONTENT,
    "ledger_log": _NO_CONTENT,
    "ledger_tiles": _LEDGER,
    "memo": "by lineal.erasure.rows",
    "claims": "by lineal.erasure.rows",
    "fan_in_groups": "by lineal.erasure.rows",
    "state": "by lineal.erasure.rows",
    "timers": "by lineal.erasure.rows",
    "handled": _NO_CONTENT,
    "seen_events": _NO_CONTENT,
    "waiting_events": "by lineal.erasure.rows",
    "delayed_retries": "by lineal.erasure.rows",
    "open_circuits": "the name and the last error of what stages call, until it answers again",
    "dead_letters": "by lineal.erasure.rows",
    "outbox": "by lineal.erasure.rows",
    "dead_letter_claims": _NO_CONTENT,
    "members": _NO_CONTENT,
    "taken_objects": _WITH_FILES,
    "objects": "by lineal.erasure.erase",
    "watched_files": _WITH_FILES,
    "users": "people who work here: `lineal user remove`",
    "api_tokens": "people who work here: `lineal token revoke`",
    "sessions": _NO_CONTENT,
    "store_secrets": _NO_CONTENT,
    "mark_keys": _NO_CONTENT,
}
"""By the name of the table."""


def projections_without_erasure() -> Iterator[Projection]:
    """Those that do not say how what their tables hold of a subject is erased."""
    for projection in installed_projections():
        follows = projection.apply is not None and (
            KIND in projection.kinds or bool(projection.subjects)
        )
        if projection.erase is None and projection.erasure is None and not follows:
            yield projection
