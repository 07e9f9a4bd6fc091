"""What is refused before a byte is fetched, and why."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lineal_edge.update.verification import PackageRejected, check_fit, open_package
from lineal_schemas.deployments import PackageManifest, SignedPackage
from lineal_schemas.models import ModelRef
from tests.edge.update.simulated_device import DAY_US, KEY, KEYS, NOW_US, manifest_of, signed

MODEL = b"a model"
NEXT_KEY = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
NEXT = {"2027": NEXT_KEY.public_key().public_bytes_raw()}
OLD = ModelRef(name="turbine", version=1, sha256="0" * 64)


def refusal(package: SignedPackage, keys=KEYS) -> str:
    with pytest.raises(PackageRejected) as rejected:
        open_package(package, keys, PackageManifest)
    return rejected.value.reason


def unfit(manifest, *, active=OLD, counter=1, now_us=NOW_US, features=("rps", "voltage")) -> str:
    with pytest.raises(PackageRejected) as rejected:
        check_fit(manifest, features=features, active=active, counter=counter, now_us=now_us)
    return rejected.value.reason


def test_a_signed_package_opens():
    manifest = manifest_of(MODEL, 3)
    assert open_package(signed(manifest), KEYS, PackageManifest) == manifest


def test_one_changed_character_is_found():
    package = signed(manifest_of(MODEL))
    changed = package.manifest.replace('"counter":1', '"counter":9')
    assert changed != package.manifest
    assert refusal(package.model_copy(update={"manifest": changed})) == "bad_signature"
    assert refusal(package.model_copy(update={"signature": "AAAA"})) == "bad_signature"
    assert refusal(package.model_copy(update={"signature": "no base64!"})) == "bad_signature"


def test_another_key_under_a_trusted_name_is_no_use():
    assert refusal(signed(manifest_of(MODEL), key=NEXT_KEY)) == "bad_signature"


def test_a_key_that_nobody_trusts_is_refused():
    assert refusal(signed(manifest_of(MODEL), NEXT_KEY, "2027")) == "unknown_key"


def test_keys_are_rotated_by_trusting_both_for_a_while():
    old, new = signed(manifest_of(MODEL)), signed(manifest_of(MODEL), NEXT_KEY, "2027")
    for package in (old, new):
        open_package(package, {**KEYS, **NEXT}, PackageManifest)
    assert refusal(old, NEXT) == "unknown_key"


def test_a_signature_made_for_something_else_is_none_for_a_package():
    import base64

    text = manifest_of(MODEL).model_dump_json()
    signature = base64.b64encode(KEY.sign(text.encode())).decode()
    package = SignedPackage(manifest=text, key_id="2026", signature=signature)
    assert refusal(package) == "bad_signature"


def test_a_malformed_manifest_is_refused_though_it_is_signed():
    import base64

    from lineal_schemas.deployments import SIGNING_PREFIX

    signature = base64.b64encode(KEY.sign(SIGNING_PREFIX + b"{}")).decode()
    package = SignedPackage(manifest="{}", key_id="2026", signature=signature)
    assert refusal(package) == "bad_manifest"


def test_an_expired_package_is_refused():
    assert unfit(manifest_of(MODEL, 2, expires_us=NOW_US)) == "expired"


def test_a_replayed_old_package_is_refused():
    assert unfit(manifest_of(MODEL, 4), counter=5) == "replayed"
    assert unfit(manifest_of(MODEL, 5), counter=5) == "replayed"


def test_an_older_model_under_a_new_counter_is_a_rollback_and_fits():
    check_fit(
        manifest_of(MODEL, 1, counter=9), features=("rps",), active=OLD, counter=8, now_us=NOW_US
    )


def test_the_model_in_use_may_come_again():
    manifest = manifest_of(MODEL, 5)
    check_fit(manifest, features=("rps",), active=manifest.model, counter=5, now_us=NOW_US)


def test_another_models_package_is_refused():
    assert unfit(manifest_of(MODEL, 2, name="gearbox")) == "wrong_model"


def test_a_model_of_readings_the_device_does_not_take_is_refused():
    assert unfit(manifest_of(MODEL, 2, features=("rps", "torque"))) == "schema_mismatch"


@pytest.mark.parametrize(("named", "own"), [("north", "south"), ("north", None), (None, "north")])
def test_a_package_for_another_fleet_is_refused(named: str | None, own: str | None):
    manifest = manifest_of(MODEL, 2).model_copy(update={"fleet": named})
    with pytest.raises(PackageRejected) as rejected:
        check_fit(manifest, features=("rps",), active=OLD, counter=1, now_us=NOW_US, fleet=own)
    assert rejected.value.reason == "wrong_fleet"
    check_fit(manifest, features=("rps",), active=OLD, counter=1, now_us=NOW_US, fleet=named)


def test_a_first_model_may_be_any():
    check_fit(
        manifest_of(MODEL, 1, created_us=NOW_US - DAY_US),
        features=("rps",), active=None, counter=0, now_us=NOW_US,
    )  # fmt: skip
