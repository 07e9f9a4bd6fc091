"""Hidden and unfinished files are left alone; all others are not."""

from __future__ import annotations

import pytest

from lineal_producers.folder.names import is_ignored


@pytest.mark.parametrize(
    "name",
    [".hidden", "a.pdf.part", "a.PART", "a.crdownload", "a.tmp", "a.swp", "notes.txt~",
     "~$report.docx", "Thumbs.db", "#notes.txt#", "4913",
     "report.docx.sb-1a2b3c4d-Ab12Cd"],
)  # fmt: skip
def test_ignored(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize(
    "name",
    [
        "a.pdf",
        "part",
        "tmp",
        "a.part.pdf",
        "a b\nc.txt",
        "a..b",
        "~a.txt",
        "caf\udce9",
        "#1 offer.pdf",
        "14913",
        "a.sb-notes",
    ],
)
def test_taken(name: str) -> None:
    assert not is_ignored(name)
