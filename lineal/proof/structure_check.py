"""Whether the pages of the database are whole: SQLite's own check of all of them.

See https://www.sqlite.org/pragma.html#pragma_integrity_check. Postgres has checksums of its own, if
it was set up with them (``initdb --data-checksums``), and says so when it reads a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from lineal.proof.verification import Finding, Progress, VerificationContext
from lineal.store.damage import find_damage

NAME = "database"


class StructureCheck:
    """See :class:`lineal.proof.verification.Check`."""

    name = NAME

    def run(self, context: VerificationContext, progress: Progress) -> Iterator[Finding]:
        progress(0, 1)
        for problem in find_damage(context.connection):
            yield Finding(NAME, f"the database is damaged: {problem}")
        progress(1, 1)
