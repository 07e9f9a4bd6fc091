"""Key-values and tables as one CSV file.

Sections are separated by an empty line: first the key-values under the header
``page,key,value,confidence``, if there are any, then each table. A spreadsheet gives its rows only,
its sheets being the sections.
"""

from __future__ import annotations

import csv
import io

from lineal_schemas.documents import DocumentKind
from lineal_schemas.results import KeyValue, Page, Table


class CsvExport:
    """Collects what the pages hold, in their order."""

    def __init__(self, kind: DocumentKind) -> None:
        self._only_rows = kind == "sheet"
        self._pairs: list[tuple[int, KeyValue]] = []
        self._tables: list[Table] = []

    def add(self, page: Page) -> None:
        """Take the key-values and tables of the next page."""
        if not self._only_rows:
            self._pairs += ((page.number, pair) for pair in page.key_values)
        self._tables += page.tables

    def to_bytes(self) -> bytes | None:
        """The file in UTF-8, or None where there is nothing to write."""
        if not self._pairs and not self._tables:
            return None
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        if self._pairs:
            writer.writerow(("page", "key", "value", "confidence"))
            writer.writerows(
                (number, pair.key, pair.value, f"{pair.confidence:.3f}")
                for number, pair in self._pairs
            )
        for table in self._tables:
            if out.tell():
                out.write("\n")
            writer.writerows(table.rows)
        return out.getvalue().encode("utf-8", errors="replace")
