"""Pages that a document lacks are known by the numbers of those that are there."""

from __future__ import annotations

import pytest

from lineal_consumers.packages.page_numbers import missing_pages


@pytest.mark.parametrize(
    ("pages", "missing"),
    [
        (["a\nPage 1 of 3", "b\nPage 3 of 3"], (2,)),
        (["Seite 1 von 4\na", "Seite 4/4\nb"], (2, 3)),
        (["a\n- 2/2 -"], (1,)),
        (["a\nPage 1 of 3", "unread", "c\nPage 3 of 3"], ()),  # as many as there are to be
        (["a\nPage 1 of 4", "unread", "c\nPage 4 of 4"], (3,)),
        (["cover", "a\nPage 2 of 4"], (3, 4)),
        (["a\nPage 1 of 2", "b\nPage 1 of 3"], ()),  # they do not agree
        (["paid 1 of 3 instalments\n" + "x\n" * 20 + "end"], ()),
        (["see page 2 of 9 there\n" + "x\n" * 9 + "Page 1 of 1"], ()),
        (["for the rest see page 2 of 9"], ()),
        (["Acme Ltd   Page 2 of 3   Confidential"], (1, 3)),
        (["Acme Ltd Page 2 of 3"], (1, 3)),
        (["Page 5 of 3"], ()),
        (["Page 1 of 1"], ()),
        (["1/2", "3/12/2026"], ()),
        ([""], ()),
    ],
)
def test_pages_that_are_not_there(pages: list[str], missing: tuple[int, ...]) -> None:
    assert missing_pages("\f".join(pages)) == missing
