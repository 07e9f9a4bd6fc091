"""Roots of trust follow one another as TUF says, and only so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

from lineal_consumers.deploy.root_draft import BadDraft
from lineal_scoring.release_root import (
    NotSigned,
    ReleaseRoot,
    RootRejected,
    first_root,
)
from tests.edge.update.roots import root, signed_by
from tests.edge.update.simulated_device import manifest_of

MANIFEST = manifest_of(b"a model")
PEOPLE = "ann ben cho"
FIRST = root(None, "ann", "ben", root_keys=PEOPLE, root_threshold=2, package_keys="p q r",
             package_threshold=2)  # fmt: skip


def reason(trusted: ReleaseRoot, *names: str) -> str:
    with pytest.raises(NotSigned) as refused:
        trusted.check_signatures(signed_by(MANIFEST, *names))
    return refused.value.reason


def test_a_package_needs_as_many_keys_as_the_root_says():
    trusted = first_root(FIRST)
    trusted.check_signatures(signed_by(MANIFEST, "p", "r"))
    trusted.check_signatures(signed_by(MANIFEST, "stranger", "q", "p"))
    assert reason(trusted, "p") == "too_few_signatures"
    assert reason(trusted, "p", "p", "p") == "too_few_signatures", "one key counts once"
    assert reason(trusted, "ann", "ben") == "unknown_key", "root keys sign no packages"
    wrong = signed_by(MANIFEST, "p", "q")
    wrong = wrong.model_copy(
        update={"manifest": wrong.manifest.replace('"counter":1', '"counter":7')}
    )
    with pytest.raises(NotSigned, match="did not sign"):
        trusted.check_signatures(wrong)


def test_the_next_root_is_signed_by_the_keys_before_and_by_its_own():
    trusted = first_root(FIRST)
    new: dict[str, Any] = {"root_keys": "dee eve", "root_threshold": 2}
    following = trusted.next(root(trusted, "ann", "cho", "dee", "eve", **new))
    assert following.version == 2
    for signers in ("ann", "cho"), ("dee", "eve"), ("ann", "dee", "eve"), ("ann", "ben", "dee"):
        with pytest.raises(RootRejected, match="too few signatures"):
            trusted.next(root(trusted, *signers, **new))
    with pytest.raises(RootRejected, match="too few signatures"):
        following.next(root(following, "ann", "ben", "cho"))


def test_a_key_that_was_taken_out_signs_nothing_any_more():
    trusted = first_root(FIRST)
    following = trusted.next(root(trusted, "ann", "ben", package_keys="p s", package_threshold=1))
    following.check_signatures(signed_by(MANIFEST, "s"))
    assert reason(following, "q", "r") == "unknown_key"


def test_no_version_is_left_out_repeated_or_gone_back_to():
    trusted = first_root(FIRST)
    second = trusted.next(root(trusted, "ann", "ben"))
    third = second.next(root(second, "ann", "ben"))
    for held, data in (
        (trusted, third.data), (second, second.data), (third, trusted.data), (third, second.data),
    ):  # fmt: skip
        with pytest.raises(RootRejected, match="comes no version"):
            held.next(data)


def test_the_epoch_only_rises():
    trusted = first_root(FIRST)
    second = trusted.next(root(trusted, "ann", "ben", next_epoch=True))
    assert (trusted.epoch, second.epoch) == (0, 1)
    back = json.loads(root(second, "ann", "ben"))
    back["signed"]["x-lineal-epoch"] = 0
    with pytest.raises(RootRejected):
        second.next(json.dumps(back).encode())


def test_one_that_has_expired_may_be_followed():
    past = datetime.now(UTC) - timedelta(days=400)
    trusted = first_root(root(None, "ann", root_keys="ann", package_keys="p", now=past))
    assert trusted.expired(datetime.now(UTC))
    assert not trusted.next(root(trusted, "ann")).expired(datetime.now(UTC))


@pytest.mark.parametrize(
    "settings",
    [
        {"root_threshold": 3},
        {"package_threshold": 2},
        {"root_keys": ""},
        {"days": 4000},
        {"days": 0},
    ],
)
def test_what_could_not_be_signed_is_not_drafted(settings):
    with pytest.raises(BadDraft):
        root(None, **{"root_keys": "ann ben", "package_keys": "p", **settings})


@given(st.data())
def test_no_changed_byte_is_taken_for_a_root(data):
    trusted = first_root(FIRST)
    new = root(trusted, "ann", "ben")
    # of what counts: spaces between tokens do not
    kept = json.loads(new)
    text = json.dumps(kept, separators=(",", ":"))
    at = data.draw(st.integers(0, len(text) - 1))
    to = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    changed = text[:at] + to + text[at + 1 :]
    try:
        taken = trusted.next(changed.encode())
    except RootRejected:
        return
    assert taken.metadata.signed == trusted.next(new).metadata.signed


class _Folder(FetcherInterface):
    """Files by name, as our HTTP service gives them."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.rpartition("/")[2]
        if name not in self._files:
            raise DownloadHTTPError("no such file", 404)
        yield self._files[name]


def test_the_reference_client_of_tuf_follows_our_roots(tmp_path: Path):
    first = first_root(FIRST)
    second = first.next(
        root(first, "ann", "ben", "dee", root_keys="ben dee", root_threshold=2, next_epoch=True)
    )
    third = second.next(root(second, "ben", "dee", package_threshold=1))
    files = {f"{each.version}.root.json": each.data for each in (first, second, third)}
    client = Updater(
        str(tmp_path), "http://centre/packages/", fetcher=_Folder(files), bootstrap=FIRST
    )
    with pytest.raises(DownloadHTTPError):  # there is no timestamp: it has come past the roots
        client.refresh()
    assert (tmp_path / "root.json").read_bytes() == third.data
    files["3.root.json"] = root(second, "ann", "cho")
    with pytest.raises(RepositoryError):
        Updater(
            str(tmp_path / "other"), "http://centre/packages/", fetcher=_Folder(files),
            bootstrap=FIRST,
        ).refresh()  # fmt: skip
