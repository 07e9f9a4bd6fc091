"""Downloads from a real server: resumed, checked, and given up in the end."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from lineal_edge.backoff import Backoff
from lineal_edge.update.disk import Disk
from lineal_edge.update.download import RESERVE_BYTES, Download, Interrupted, http_fetch
from lineal_edge.update.verification import PackageRejected
from tests.edge.update.server import Behaviour, serving

DATA = random.Random(7).randbytes(700_000)


@pytest.fixture
def server() -> Behaviour:
    return Behaviour(DATA)


@pytest.fixture
def url(server: Behaviour) -> Iterator[str]:
    with serving(server) as address:
        yield address


class SmallDisk(Disk):
    def free_bytes(self, folder: Path) -> int:
        return RESERVE_BYTES + len(DATA) - 1


def fetch(part: Path, url: str, *, disk: Disk | None = None, size: int = len(DATA), **options):
    Download(
        disk or Disk(),
        http_fetch(None),
        part,
        going_on=options.get("going_on", lambda: True),
        pause=options.get("pause", lambda seconds: None),
        backoff=Backoff(0.01, 0.02),
    ).run(url, size, options.get("sha256", hashlib.sha256(DATA).hexdigest()))
    return part.read_bytes()


def refusal(part: Path, url: str, **options) -> str:
    with pytest.raises(PackageRejected) as rejected:
        fetch(part, url, **options)
    return rejected.value.reason


def test_a_file_comes_whole(tmp_path: Path, url: str, server: Behaviour):
    assert fetch(tmp_path / "part", url) == DATA
    assert server.requests == [None]


def test_a_cut_connection_is_resumed_where_it_was_cut(tmp_path: Path, url: str, server: Behaviour):
    server.cut_after = [100_000, 200_000, 0]
    assert fetch(tmp_path / "part", url) == DATA
    assert len(server.requests) == 3
    assert server.requests[1:] == ["bytes=100000-", "bytes=300000-"]
    assert server.sent == len(DATA), "no byte was sent twice"


def test_what_a_power_cut_left_is_resumed(tmp_path: Path, url: str, server: Behaviour):
    (tmp_path / "part").write_bytes(DATA[:123_456])
    assert fetch(tmp_path / "part", url) == DATA
    assert server.requests == ["bytes=123456-"]


def test_what_is_there_already_is_not_fetched(tmp_path: Path, url: str, server: Behaviour):
    (tmp_path / "part").write_bytes(DATA)
    fetch(tmp_path / "part", url)
    assert server.requests == []


def test_a_server_that_ignores_ranges_is_taken_from_the_begin(
    tmp_path: Path, url: str, server: Behaviour
):
    server.knows_range = False
    server.cut_after = [100_000]
    assert fetch(tmp_path / "part", url) == DATA


def test_a_server_that_sends_another_range_is_not_believed(
    tmp_path: Path, url: str, server: Behaviour
):
    server.cut_after = [100_000]
    server.range_off_by = 10
    assert refusal(tmp_path / "part", url) == "download_failed"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_will_not_change_fails_the_job_at_once(
    tmp_path: Path, url: str, server: Behaviour, status: int
):
    server.statuses = [status] * 100
    assert refusal(tmp_path / "part", url) == f"http_{status}"
    assert len(server.requests) == 1


def test_a_server_that_is_busy_is_asked_again_but_not_for_ever(
    tmp_path: Path, url: str, server: Behaviour
):
    server.statuses = [503, 500, 429]
    assert fetch(tmp_path / "part", url) == DATA
    (tmp_path / "part").unlink()
    server.requests.clear()
    server.statuses = [503] * 1000
    assert refusal(tmp_path / "part", url) == "download_failed"
    assert len(server.requests) < 20


def test_a_connection_that_is_cut_again_and_again_is_given_up(
    tmp_path: Path, url: str, server: Behaviour
):
    server.cut_after = [100] * 10_000
    assert refusal(tmp_path / "part", url) == "download_failed"
    assert len(server.requests) <= 50


def test_a_server_that_is_not_there_is_given_up(tmp_path: Path):
    assert refusal(tmp_path / "part", "http://127.0.0.1:9/x") == "download_failed"


def test_wrong_bytes_are_never_accepted(tmp_path: Path, url: str, server: Behaviour):
    server.data = DATA[:-1] + bytes([DATA[-1] ^ 1])
    assert refusal(tmp_path / "part", url) == "digest_mismatch"
    assert not (tmp_path / "part").exists()


def test_a_damaged_part_is_fetched_anew(tmp_path: Path, url: str, server: Behaviour):
    (tmp_path / "part").write_bytes(b"\0" * 500_000)
    assert fetch(tmp_path / "part", url) == DATA


def test_a_part_that_is_too_long_is_fetched_anew(tmp_path: Path, url: str):
    (tmp_path / "part").write_bytes(DATA + DATA)
    assert fetch(tmp_path / "part", url) == DATA


def test_an_endless_file_does_not_fill_the_disk(tmp_path: Path, url: str, server: Behaviour):
    server.data = DATA * 20
    reason = refusal(tmp_path / "part", url)
    assert reason == "digest_mismatch"
    assert not (tmp_path / "part").exists()


def test_a_file_that_is_too_short_is_not_the_model(tmp_path: Path, url: str, server: Behaviour):
    server.data = DATA[:-10]
    assert refusal(tmp_path / "part", url) == "download_failed"


def test_a_disk_that_is_too_full_is_said_before_a_byte_is_asked_for(
    tmp_path: Path, url: str, server: Behaviour
):
    assert refusal(tmp_path / "part", url, disk=SmallDisk()) == "no_space"
    assert server.requests == []


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://host/x", "model.onnx"])
def test_other_addresses_are_refused(tmp_path: Path, address: str):
    assert refusal(tmp_path / "part", address) == "bad_url"


def test_it_lets_go_when_told_to(tmp_path: Path, url: str, server: Behaviour):
    asked = 0

    def going_on() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    with pytest.raises(Interrupted):
        fetch(tmp_path / "part", url, going_on=going_on)
    assert fetch(tmp_path / "part", url) == DATA
    assert server.requests[-1] is not None, "and goes on where it was"
