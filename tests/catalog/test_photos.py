"""Who is shown which photos: those that are documents follow the access lists of their sources."""

from __future__ import annotations

import pytest

from lineal.effects.effect import apply
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Artifact
from lineal.store.connection import Connection
from lineal_catalog.documents.visibility import restrict_source
from lineal_catalog.photos.pieces import PHOTO_PIECES, PhotoPiece
from lineal_catalog.photos.projection import (
    UnknownPhoto,
    find_photo,
    lines_with_photos,
    list_photos,
)
from tests.lineage.records import one_step

SOURCE = "imap://mail"


def scored(connection: Connection, photo_id: str, captured: int) -> None:
    record = one_step(
        f"photo:{photo_id}",
        kind="inspect",
        inputs=[Artifact("a" * 64, "image/png", 9, "photo")],
        attributes={"line": "washers", "score": "2", "threshold": "1", "captured": captured,
                    "piece": ""},
    )  # fmt: skip
    Ledger().append(connection, [record])


def arrived(connection: Connection, document_id: str, readers: list[str]) -> None:
    connection.execute(
        "INSERT INTO registry (document_id, tenant, name, sha256, bytes, media_type, registered) "
        "VALUES (?, 'default', 'p.png', ?, 9, 'image/png', 1)",
        (document_id, "a" * 64),
    )
    connection.execute(
        "INSERT INTO arrivals (document_id, event_id, name, source, arrived) "
        "VALUES (?, ?, 'p.png', ?, 1)",
        (document_id, f"e-{document_id}", SOURCE),
    )
    restrict_source(connection, document_id, SOURCE, readers)


def shown(connection: Connection, *names: str) -> list[str]:
    return [photo.photo_id for photo in list_photos(connection, names=names or None)]


def test_photos_are_shown_to_those_who_may_see_them_as_documents(connection: Connection) -> None:
    for captured, photo_id in enumerate(("anns", "bens", "cameras")):
        scored(connection, photo_id, captured)
    arrived(connection, "anns", ["ann"])
    arrived(connection, "bens", ["ben"])
    assert shown(connection) == ["cameras", "bens", "anns"], "an owner sees all, the newest first"
    assert shown(connection, "user:ann", "ann") == ["cameras", "anns"]
    assert find_photo(connection, "anns", names=("ann",)).line == "washers"
    with pytest.raises(UnknownPhoto):
        find_photo(connection, "bens", names=("ann",))


def test_of_a_document_that_was_erased_nobody_is_shown_the_photo(connection: Connection) -> None:
    scored(connection, "anns", 1)
    connection.execute("INSERT INTO erasures VALUES ('document:anns', 1, 'user:root', 'asked for')")
    assert shown(connection, "user:ben", "ben") == []
    assert shown(connection) == ["anns"]


def waits(connection: Connection, photo_id: str, captured: int, label: str = "") -> None:
    record = one_step(
        f"photo:{photo_id}",
        kind="inspect",
        outcome="skipped",
        inputs=[Artifact("a" * 64, "image/png", 9, "photo")],
        attributes={"line": "washers", "captured": captured, "label": label},
    )
    Ledger().append(connection, [record])


def said(connection: Connection, photo_id: str, label: str) -> None:
    record = one_step(f"photo:{photo_id}", kind="verify", attributes={"label": label})
    Ledger().append(connection, [record])


def test_photos_that_no_model_has_scored_can_be_found_and_spoken_of(connection: Connection) -> None:
    waits(connection, "first", 1)
    waits(connection, "second", 2, label="defect")
    assert shown(connection) == ["second", "first"]
    first = find_photo(connection, "first")
    assert (first.found, first.score, first.sha256) == (None, None, "a" * 64)
    assert list_photos(connection, unverified=True) == [first]
    assert list_photos(connection, defects=True) == []
    assert lines_with_photos(connection) == ["washers"]
    said(connection, "first", "normal")
    assert list_photos(connection, unverified=True) == []
    scored(connection, "first", 1)
    found = find_photo(connection, "first")
    assert (found.found, found.label) == ("defect", "normal"), "what was said of it stays"
    assert shown(connection) == ["second", "first"]
    waits(connection, "first", 1)  # a replay without the model takes no score away
    assert find_photo(connection, "first") == found


def test_which_piece_it_is_of_is_shown_and_goes_with_the_photo(connection: Connection) -> None:
    waits(connection, "first", 1)
    apply(connection, [PhotoPiece("first", "n 1"), PhotoPiece("second", "n 2")])
    assert find_photo(connection, "first").piece == "n 1"
    scored(connection, "first", 1)
    assert find_photo(connection, "first").piece == "n 1"
    assert PHOTO_PIECES.erase is not None
    assert PHOTO_PIECES.erase(connection, "photo:first", True) == 1
    assert PHOTO_PIECES.erase(connection, "photo:first", False) == 1
    assert find_photo(connection, "first").piece == ""
    assert [row[0] for row in connection.execute("SELECT photo_id FROM photo_pieces")] == ["second"]


def test_of_a_photo_that_waited_and_was_erased_nothing_is_left(connection: Connection) -> None:
    waits(connection, "first", 1)
    Ledger().append(connection, [one_step("photo:first", kind="erase")])
    assert shown(connection) == []
