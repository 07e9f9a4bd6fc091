"""What the payloads of devices and models promise those who read them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lineal_schemas.anomalies import AnomalyOpened
from lineal_schemas.deployments import JobDocument, PackageManifest, SignedPackage
from lineal_schemas.ids import anomaly_id, job_id, rollout_id
from lineal_schemas.models import InputSchema, ModelRef
from lineal_schemas.payload import parse_payload, payload_bytes
from lineal_schemas.telemetry import (
    DeviceBirth,
    DeviceDeath,
    TelemetryGap,
    TelemetryReadings,
    parse_device_state,
    parse_stream_message,
)

BOOT = "0123456789abcdef" * 2
SHA = "ab" * 32


def readings(**changes: Any) -> TelemetryReadings:
    fields: dict[str, Any] = {
        "device": "turbine-1",
        "boot_id": BOOT,
        "first_seq": 41,
        "last_seq": 42,
        "monotonic_us": 5_000_000,
        "wall_us": 1_700_000_000_000_000,
        "features": ("rps", "voltage"),
        "offsets_us": (0, 50_000),
        "values": ((1.5, 47.0), (1.6, None)),
    }
    return TelemetryReadings(**{**fields, **changes})


def test_a_missing_value_is_null_in_json_and_none_when_read_back() -> None:
    data = payload_bytes(readings())
    assert json.loads(data)["values"] == [[1.5, 47.0], [1.6, None]]
    assert parse_stream_message(data).values[1][1] is None  # type: ignore[union-attr]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_that_no_other_language_reads_is_never_written(number: float) -> None:
    with pytest.raises(ValidationError):
        readings(values=((1.5, number), (1.6, 2.0)))


@pytest.mark.parametrize(
    "changes",
    [
        {"last_seq": 40},
        {"last_seq": 43},
        {"offsets_us": (0,)},
        {"values": ((1.5, 47.0), (1.6,))},
        {"values": ((1.5,), (1.6,))},
        {"device": "a/b"},
        {"device": "+"},
        {"first_seq": 0},
        {"features": ()},
    ],
)
def test_a_batch_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        readings(**changes)


values = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=30))
def test_a_batch_has_one_digest_however_often_it_is_read_and_written(rows: list[Any]) -> None:
    batch = readings(
        last_seq=40 + len(rows), offsets_us=tuple(range(len(rows))), values=tuple(rows)
    )
    data = payload_bytes(batch)
    again = parse_stream_message(data)
    assert again == batch
    assert again.digest == batch.digest
    assert payload_bytes(parse_payload("telemetry.readings", 1, data)) == data


def test_batches_and_gaps_of_one_stream_are_told_apart() -> None:
    gap = TelemetryGap(
        device="turbine-1", boot_id=BOOT, first_seq=1, last_seq=40, reason="disk_full", wall_us=0
    )
    assert parse_stream_message(payload_bytes(gap)) == gap
    assert gap.count == 40
    with pytest.raises(ValidationError):
        parse_stream_message(b'{"kind": "rumour"}')


def test_births_and_deaths_are_told_apart() -> None:
    death = DeviceDeath(device="turbine-1", boot_id=BOOT, session=3, reason="lost")
    birth = DeviceBirth(
        device="turbine-1",
        boot_id=BOOT,
        session=3,
        monotonic_us=1,
        wall_us=2,
        agent_version="0.1.0",
        agent_digest=SHA,
        config_digest=SHA,
    )
    assert parse_device_state(payload_bytes(death)) == death
    assert parse_device_state(payload_bytes(birth)) == birth
    assert birth.event_id != death.event_id


def test_a_repeated_message_has_the_same_id_and_another_one_has_not() -> None:
    assert readings().event_id == readings(wall_us=0).event_id
    others = {
        readings(device="turbine-2").event_id,
        readings(boot_id="f" * 32).event_id,
        readings(first_seq=42, last_seq=43).event_id,
    }
    assert len(others | {readings().event_id}) == 4


def test_everything_of_a_device_is_in_order_and_belongs_to_its_correlation_id() -> None:
    model = ModelRef(name="turbine", version=2, sha256=SHA)
    anomaly = AnomalyOpened(
        anomaly_id=anomaly_id("turbine-1", SHA, BOOT, 41),
        device="turbine-1",
        detector="device",
        model=model,
        threshold=3.0,
        boot_id=BOOT,
        first_seq=41,
        last_seq=140,
        wall_us=0,
        score=4.5,
        contributions=(),
    )
    for payload in (readings(), anomaly):
        assert payload.partition_key() == "turbine-1"
        assert payload.correlation_key() == "device:turbine-1"


def test_ids_of_rollouts_and_jobs_are_derived() -> None:
    one, other = rollout_id(SHA, "monday"), rollout_id(SHA, "tuesday")
    assert one != other
    assert job_id(one, "a") == job_id(one, "a")
    assert len({job_id(one, "a"), job_id(one, "b"), job_id(other, "a")}) == 3


def test_a_signed_manifest_keeps_its_very_bytes_on_the_way_to_a_device() -> None:
    manifest = PackageManifest(
        model=ModelRef(name="turbine", version=10, sha256=SHA),
        bytes=10,
        input_schema=InputSchema(features=("rps",), length=1, step=1),
        threshold=3.0,
        golden=({"values": [[1.0]], "score": 0.1},),  # type: ignore[arg-type]
        counter=7,
        created_us=1,
        expires_us=2,
    )
    text = manifest.model_dump_json(indent=1)
    job = JobDocument(
        job_id="j",
        rollout_id="r",
        device="turbine-1",
        version=1,
        package=SignedPackage(manifest=text, key_id="k", signature="c2ln"),
        url="https://example.com/model",
        issued_us=0,
    )
    received = JobDocument.model_validate_json(job.model_dump_json())
    assert received.package.manifest == text
    assert PackageManifest.model_validate_json(received.package.manifest) == manifest
