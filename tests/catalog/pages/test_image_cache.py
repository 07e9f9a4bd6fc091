"""The cache of page images, in every store."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal_catalog.documents.queries import DocumentSource, sources_of
from lineal_catalog.pages.image_cache import (
    PAGE_IMAGES,
    CachedImage,
    add_image,
    cached_image,
    note_use,
)

NOW = 1_800_000_000_000_000
_MEMBER = "INSERT INTO registry VALUES (?, 'default', 'a.pdf', NULL, NULL, NULL, 1)"


def _image(number: int) -> CachedImage:
    return CachedImage(f"{number:064x}", 100, 10, 20)


def _add(connection: Connection, number: int, *, page: int, at: int) -> list[str]:
    return add_image(
        connection, "d", page, "10.png", _image(number), made_after=1, now=at, max_bytes=250
    )


def test_an_image_is_found_until_its_document_changes_or_others_need_the_room(
    connection: Connection,
) -> None:
    connection.execute(_MEMBER, ("d",))
    assert _add(connection, 1, page=1, at=NOW) == []
    assert cached_image(connection, "d", 1, "10.png", made_after=1) == (_image(1), NOW)
    assert cached_image(connection, "d", 1, "10.png", made_after=2) is None
    assert _add(connection, 2, page=1, at=NOW) == [_image(1).sha256], "it was drawn again"
    assert _add(connection, 3, page=2, at=NOW + 1) == []
    note_use(connection, "d", 1, "10.png", NOW + 2)
    assert _add(connection, 4, page=3, at=NOW + 3) == [_image(3).sha256], "the longest unused"
    assert set(PAGE_IMAGES.objects(connection, "document:d")) == {  # type: ignore[misc]
        _image(2).sha256, _image(4).sha256,
    }  # fmt: skip
    assert PAGE_IMAGES.erase is not None
    assert [PAGE_IMAGES.erase(connection, "document:d", dry) for dry in (True, False)] == [2, 2]
    assert cached_image(connection, "d", 1, "10.png", made_after=1) is None


def test_an_image_of_a_document_that_was_erased_meanwhile_is_not_kept(
    connection: Connection,
) -> None:
    assert _add(connection, 1, page=1, at=NOW) == [_image(1).sha256]
    assert cached_image(connection, "d", 1, "10.png", made_after=1) is None


def test_a_source_is_gone_when_the_newest_arrival_from_it_was_withdrawn(
    connection: Connection,
) -> None:
    for event, source, at in (("1", "file:///a", 1), ("2", "file:///b", 2), ("3", "file:///a", 3)):
        connection.execute(
            "INSERT INTO arrivals VALUES ('d', ?, ?, ?, ?)", (event, f"n{event}", source, at)
        )
    connection.execute("INSERT INTO withdrawn_arrivals VALUES ('d', '1', 0)")
    connection.execute("INSERT INTO withdrawn_arrivals VALUES ('d', '2', 1)")
    assert sources_of(connection, "d") == [
        DocumentSource("file:///a", "n3", deleted=False),
        DocumentSource("file:///b", "n2", deleted=True),
    ]
