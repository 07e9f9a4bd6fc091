"""A device with a root of trust: whose packages it takes, and how that changes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineal_scoring.release_root import first_root
from tests.edge.update.roots import root, signed_by
from tests.edge.update.simulated_device import DAY_US, NOW_US, Device, job_of, manifest_of

NOW = datetime.fromtimestamp(NOW_US / 1e6, UTC)
FIRST = root(None, "ann", root_keys="ann", package_keys="p q", package_threshold=2, now=NOW)
HIGHEST = 2_147_483_647


@pytest.fixture
def device() -> Device:
    return Device(FIRST)


def roll_out(device: Device, version: int, *signers: str, **fields) -> str | None:
    """The reason why a package ended otherwise than in use; None where it did not."""
    data = f"model {version}".encode()
    device.serve(data)
    package = signed_by(manifest_of(data, version, **fields), *(signers or ("p", "q")))
    device.give(job_of(package, f"r{version} {signers} {fields}"))
    device.run()
    progress = device.machine.progress
    assert progress is not None
    if progress.state == "SUCCEEDED":
        assert device.current == hashlib.sha256(data).hexdigest()
    return progress.reason


def publish(device: Device, *roots: bytes) -> None:
    for data in roots:
        device.files[f"http://centre/packages/{first_root(data).version}.root.json"] = data


def test_a_package_is_used_when_enough_keys_have_signed_it(device: Device):
    assert roll_out(device, 1) is None
    assert roll_out(device, 2, "p") == "too_few_signatures"
    assert roll_out(device, 2, "p", "thief") == "too_few_signatures"
    assert roll_out(device, 2, "thief") == "unknown_key"
    assert roll_out(device, 2) is None


def test_the_next_keys_are_taken_from_the_next_root_and_the_old_ones_forgotten(device: Device):
    trusted = first_root(FIRST)
    publish(device, root(trusted, "ann", package_keys="s", package_threshold=1, now=NOW))
    assert device.machine.root_version == 1
    assert roll_out(device, 1, "s") is None
    assert device.machine.root_version == 2
    assert roll_out(device, 2, "p", "q") == "unknown_key"
    device.boot()
    assert device.machine.root_version == 2, "it remembers"
    del device.files["http://centre/packages/2.root.json"]
    assert roll_out(device, 3, "p", "q") == "unknown_key", "a server cannot take it back"


def test_a_root_that_does_not_follow_ends_the_job_and_changes_nothing(device: Device):
    other = first_root(root(None, "thief", root_keys="thief", package_keys="thief", now=NOW))
    forged = root(other, "thief", now=NOW)
    device.files["http://centre/packages/2.root.json"] = forged
    assert roll_out(device, 1, "thief") == "bad_root"
    assert device.machine.root_version == 1


def test_after_the_root_has_expired_nothing_new_is_used(device: Device):
    """Who keeps the next roots from a device holds it up, and can have it install nothing."""
    device.clock.wall += 366 * DAY_US
    later = {"created_us": device.clock.wall, "expires_us": device.clock.wall + DAY_US}
    assert roll_out(device, 1, **later) == "root_expired"
    then = datetime.fromtimestamp(device.clock.wall / 1e6, UTC)
    publish(device, root(first_root(FIRST), "ann", now=then))
    assert roll_out(device, 2, **later) is None


def test_a_device_recovers_from_a_raised_counter_and_time(device: Device):
    """Two stolen keys sent a package with the highest counter, made in the year 2200."""
    assert roll_out(device, 1) is None
    raised = {"counter": HIGHEST, "created_us": 4 * NOW_US, "expires_us": 5 * NOW_US}
    assert roll_out(device, 2, **raised) is None
    assert roll_out(device, 3) == "root_expired"
    assert device.machine.counter == HIGHEST
    new = root(
        first_root(FIRST), "ann", package_keys="s", package_threshold=1, next_epoch=True, now=NOW
    )
    publish(device, new)
    assert roll_out(device, 4, "s") == "wrong_epoch", "what was signed before is out of use"
    assert roll_out(device, 4, "s", epoch=1) is None
    assert device.machine.counter == 4
    assert roll_out(device, 3, "s", epoch=1) == "replayed"
    assert roll_out(device, 5, "p", "q", **raised) == "unknown_key"


def test_while_the_server_is_away_the_job_waits(device: Device):
    data = b"model 1"
    device.serve(data)
    device.give(job_of(signed_by(manifest_of(data), "p", "q"), "r1"))
    device.status = 503
    for _ in range(3):
        device.step()
    assert device.state == "QUEUED"
    device.status = None
    device.run()
    assert device.state == "SUCCEEDED"


@given(st.integers(1, 60), st.floats(0, 1), st.floats(0, 1))
def test_the_power_may_be_cut_while_keys_are_changed(fuse: int, names: float, kept: float):
    device = Device(FIRST)
    trusted = first_root(FIRST)
    second = root(trusted, "ann", package_keys="s", package_threshold=1, next_epoch=True, now=NOW)
    third = root(trusted.next(second), "ann", now=NOW)
    publish(device, second, third)
    device.serve(b"model 1")
    job = job_of(signed_by(manifest_of(b"model 1", epoch=1), "s"), "r1")
    device.give(job)
    if device.run_into_a_power_cut(fuse):
        device.restart_after_a_cut(names, kept)
        device.give(job)
        device.run()
    assert device.state == "SUCCEEDED"
    assert device.machine.root_version == 3
    assert device.machine.counter == 1
