"""Freeze, rollback and mix-and-match: what a server without keys can make a device install."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_consumers.deploy.current import sign_current
from lineal_schemas.deployments import SignedPackage
from lineal_scoring.release_root import first_root
from lineal_scoring.release_snapshot import CurrentPackages, SnapshotRejected, entry_name, entry_of
from tests.edge.update.roots import key, root, signed_by
from tests.edge.update.simulated_device import NOW_US, Device, job_of, manifest_of

NOW = datetime.fromtimestamp(NOW_US / 1e6, UTC)
FIRST = root(None, "ann", root_keys="ann", package_keys="p", online_keys="clock", now=NOW)
HOURS = 24.0


class Centre:
    """What the centre has said so far."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.root = first_root(FIRST)
        self.said: CurrentPackages | None = None

    def package(self, version: int) -> SignedPackage:
        return signed_by(manifest_of(f"model {version}".encode(), version), "p")

    def say(self, version: int, *, withdrawn: bool = False, signer: str = "clock") -> None:
        """Say that a version is the current one."""
        name = entry_name("model", "turbine")
        entry = entry_of(self.package(version).manifest, version, withdrawn=withdrawn)
        made = sign_current(
            self.root, self.said, {name: entry}, key(signer), now=self.now, hours=HOURS
        )
        self.said = made or self.said
        self.serve()

    def serve(self) -> None:
        assert self.said is not None
        self.put("timestamp.json", self.said.timestamp_data)
        self.put(f"{self.said.snapshot_version}.snapshot.json", self.said.snapshot_data)

    def put(self, name: str, data: bytes) -> None:
        self.device.files[f"http://centre/packages/{name}"] = data

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.device.clock.wall / 1e6, UTC)

    def offer(self, version: int, job: str = "", *, steps: int = 300) -> str | None:
        """Why a version ended otherwise than in use; None where it did not."""
        self.device.serve(f"model {version}".encode())
        self.device.give(job_of(self.package(version), f"r{version}{job}"))
        self.device.run(steps)
        progress = self.device.machine.progress
        assert progress is not None
        return progress.reason if progress.final else progress.state


@pytest.fixture
def centre() -> Centre:
    return Centre(Device(FIRST))


def test_the_current_package_is_installed_and_no_other_one(centre: Centre) -> None:
    """Whoever serves an older package, signed and in its time, offers no current one."""
    centre.say(3)
    assert centre.offer(2) == "not_current"
    assert centre.offer(3) is None


def test_a_package_that_was_withdrawn_is_not_installed(centre: Centre) -> None:
    centre.say(3)
    centre.say(3, withdrawn=True)
    assert centre.offer(3) == "not_current"


def test_a_package_that_is_not_listed_yet_is_waited_for(centre: Centre) -> None:
    centre.say(1)
    assert centre.offer(2, steps=5) == "QUEUED"
    centre.say(2)
    centre.device.run()
    assert centre.device.state == "SUCCEEDED"


def test_what_is_never_listed_ends_when_its_time_is_up(centre: Centre) -> None:
    centre.say(1)
    assert centre.offer(2) == "not_listed"


def test_a_frozen_timestamp_is_of_use_for_hours_only(centre: Centre) -> None:
    """The attacker serves what was current once, and keeps the newer word to himself."""
    centre.say(1)
    centre.device.clock.wall += int(HOURS * 3_600_000_000)
    assert centre.offer(1) == "stale"
    centre.say(1)
    assert centre.offer(1, "again") is None


def test_an_older_timestamp_or_snapshot_is_refused_also_after_a_restart(centre: Centre) -> None:
    centre.say(1)
    old = centre.said
    centre.say(2)
    assert centre.offer(2) is None
    centre.device.boot()
    new, centre.said = centre.said, old
    centre.serve()
    assert centre.offer(1) == "rolled_back"
    centre.said = new
    centre.serve()
    centre.say(3)
    assert centre.offer(3) is None


def test_a_timestamp_with_the_snapshot_of_another_is_refused(centre: Centre) -> None:
    """Mix and match: each part is signed, and they were never meant together."""
    centre.say(1)
    old = centre.said
    assert old is not None
    centre.say(2)
    centre.put("2.snapshot.json", old.snapshot_data)
    assert centre.offer(1) == "bad_snapshot"


def test_only_the_keys_of_the_root_say_what_is_current(centre: Centre) -> None:
    centre.say(1)
    for signer in ("p", "ann", "thief"):
        other = root(None, signer, root_keys=signer, package_keys="p", online_keys=signer, now=NOW)
        name = entry_name("model", "turbine")
        forged = sign_current(
            first_root(other), None, {name: entry_of(centre.package(2).manifest, 2)},
            key(signer), now=centre.now, hours=HOURS,
        )  # fmt: skip
        assert forged is not None
        centre.put("timestamp.json", forged.timestamp_data)
        centre.put("1.snapshot.json", forged.snapshot_data)
        assert centre.offer(2, signer) == "bad_snapshot"
    with pytest.raises(SnapshotRejected):
        centre.say(2, signer="p")


def test_a_stolen_clock_key_signs_no_package_and_is_replaced(centre: Centre) -> None:
    """The thief has said the highest version: with the next root's key versions begin anew."""
    centre.say(1)
    thief = Centre(centre.device)
    for _ in range(5):
        thief.device.clock.wall += int(HOURS * 3_600_000_000)
        thief.say(1)
    assert centre.offer(1) is None
    second = root(centre.root, "ann", online_keys="other", now=NOW)
    centre.put("2.root.json", second)
    centre.root, centre.said = centre.root.next(second), None
    centre.say(2, signer="other")
    assert centre.offer(2) is None


def test_nothing_is_asked_of_a_root_without_such_a_key(centre: Centre) -> None:
    device = Device(root(None, "ann", root_keys="ann", package_keys="p", now=NOW))
    assert Centre(device).offer(1) is None


def test_without_any_word_of_the_centre_nothing_is_installed(centre: Centre) -> None:
    assert centre.offer(1) == "stale"


@given(st.integers(1, 60), st.floats(0, 1), st.floats(0, 1))
def test_the_power_may_be_cut_meanwhile(fuse: int, names: float, kept: float) -> None:
    centre = Centre(Device(FIRST))
    centre.say(1)
    device = centre.device
    device.serve(b"model 1")
    job = job_of(centre.package(1), "r1")
    device.give(job)
    if device.run_into_a_power_cut(fuse):
        device.restart_after_a_cut(names, kept)
        device.give(job)
        device.run()
    assert device.state == "SUCCEEDED"


@given(st.lists(st.sampled_from(["next", "withdraw", "hours", "nothing"]), max_size=12))
def test_each_word_of_the_centre_follows_from_the_last(acts: list[str]) -> None:
    centre, version, now = Centre(Device(FIRST)), 1, NOW
    before: CurrentPackages | None = None
    for act in acts:
        version += act == "next"
        now += timedelta(hours=HOURS if act == "hours" else 0)
        name = entry_name("model", "turbine")
        entry = entry_of(centre.package(version).manifest, version, withdrawn=act == "withdraw")
        made = sign_current(centre.root, before, {name: entry}, key("clock"), now=now, hours=HOURS)
        if made is not None:
            assert before is None or before.next(made) is made
            before = made
        assert before is not None
        before.require_fresh(now)
        assert before.entries[name] == entry
