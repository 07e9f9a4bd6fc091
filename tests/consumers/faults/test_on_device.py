"""Faults that people have marked travel with a model, and a device calls them what the bus does."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from lineal.testing import StageHarness
from lineal_consumers.faults.config import FaultsConfig
from lineal_consumers.faults.stage import faults
from lineal_consumers.retrain.config import ReadingsModel
from lineal_consumers.retrain.dataset import Mark, fault_examples
from lineal_consumers.retrain.readings_learner import _with_faults
from lineal_edge.clock import SystemClock
from lineal_edge.reading import Reading
from lineal_edge.update.live_scorer import LiveScorer
from lineal_producers.mqtt.reading import WrappedEvent, read_message
from lineal_producers.mqtt.rejections import NotAllowed
from lineal_schemas.anomalies import AnomalyOpened, FaultRecognised, MachineMarked
from lineal_schemas.models import DatasetManifest, FaultExample, ModelRef
from lineal_schemas.payload import payload_bytes
from lineal_schemas.telemetry import DeviceEvent
from lineal_scoring.model import ModelError, ScoringModel
from tests.scoring.readings import FEATURES, normal, trained

BOOT = "ab" * 16
SETTINGS = ReadingsModel(features=FEATURES)


def faulty(seed: int) -> np.ndarray:
    """First the voltage breaks in, then the temperature jumps."""
    values = normal(1200, seed)
    values[400:500, 1] *= 0.6
    values[800:900, 2] += 15
    return values


def model_with(examples: tuple[FaultExample, ...]) -> bytes:
    manifest = DatasetManifest(model="turbine", kind="readings", train=(), test=(), faults=examples)
    return _with_faults(trained().data, manifest, SETTINGS)


def on_device(data: bytes, values: np.ndarray) -> list[Any]:
    device = LiveScorer("t1", BOOT, FEATURES, SystemClock())
    device.swap(device.prepare(data, ModelRef(name="turbine", version=1, sha256="0" * 64)))
    said: list[Any] = []
    for row, reading in enumerate(values):
        said += device.observe(Reading(row + 1, row, row, tuple(reading.tolist())))
    return said


def marked() -> tuple[list[Any], tuple[FaultExample, ...]]:
    """The anomalies of one run, and examples of the two faults in it."""
    said = on_device(trained().data, faulty(7))
    opened = [item for item in said if isinstance(item, AnomalyOpened)]
    first, second = opened[0], next(item for item in opened if item.first_seq > 700)
    names = {first.anomaly_id: "winding", second.anomaly_id: "cooling"}
    return [first, second], tuple(
        FaultExample(
            fault=names[item.anomaly_id],
            shares={part.feature: part.share for part in item.contributions},
        )
        for item in (first, second)
    )


async def test_a_device_calls_faults_by_the_names_and_likeness_of_the_bus() -> None:
    known, examples = marked()
    said = on_device(model_with(examples), faulty(21))
    named = [item for item in said if isinstance(item, FaultRecognised)]
    assert {item.fault for item in named} == {"winding", "cooling"}
    assert {item.detector for item in named} == {"device"}

    async with StageHarness(faults, config=[FaultsConfig()]) as harness:
        for item, example in zip(known, examples, strict=True):
            fields = {"device": item.device, "fault": example.fault, "by": "user:ann"}
            await harness.send(item.model_copy(update={"anomaly_id": f"old-{example.fault}"}))
            span = {"from_us": item.wall_us, "to_us": item.wall_us + 1, "marked_us": 1}
            await harness.send(MachineMarked(**fields, **span, mark=str(uuid4())))
        later = 10_000_000
        for item in said:
            if not isinstance(item, FaultRecognised):
                await harness.send(item.model_copy(update={"wall_us": item.wall_us + later}))
        bus = harness.outputs(FaultRecognised)
    assert [(item.anomaly_id, item.fault, item.likeness) for item in named] == [
        (item.anomaly_id, item.fault, item.likeness) for item in bus
    ]


def test_without_examples_a_model_is_the_bytes_it_was_and_names_nothing() -> None:
    assert model_with(()) == trained().data
    said = on_device(trained().data, faulty(21))
    assert not [item for item in said if isinstance(item, FaultRecognised)]


def test_a_model_with_damaged_examples_is_no_model() -> None:
    import onnx

    model = onnx.load_model_from_string(trained().data)
    entry = model.metadata_props.add()
    entry.key, entry.value = "lineal.faults", '{"examples": 5}'
    with pytest.raises(ModelError):
        ScoringModel(model.SerializeToString(deterministic=True))


def test_examples_are_the_anomalies_that_people_have_spoken_of() -> None:
    def remembered(begin: int, end: int, **shares: float) -> list[Any]:
        return ["id", BOOT, 1, 2, False, end, begin, shares]

    mark = partial(Mark, marked_us=1)
    found = fault_examples(
        [
            ("t1/a", remembered(10, 20, rps=1.0)),
            ("t1/b", remembered(30, 40, rps=0.5, voltage=0.5)),
            ("t1/c", remembered(50, 60, rps=1.0)),
            ("t2/d", remembered(10, 20, rps=1.0)),
            ("t1/other-model", remembered(10, 20, pressure=1.0)),
            ("t1/from-before", ["id", BOOT, 1, 2, False, 15]),
        ],
        normal={"t1/b"},
        marks={"t1": [mark("bearing", 5, 11)]},
        features=FEATURES,
    )
    assert found == [
        FaultExample(fault="bearing", shares={"rps": 1.0}),
        FaultExample(fault=None, shares={"rps": 0.5, "voltage": 0.5}),
    ]


def test_a_device_may_say_so_for_itself_alone() -> None:
    said = FaultRecognised(
        device="t1", anomaly_id="a", detector="device", fault="bearing", likeness=0.9, examples=1,
        model=ModelRef(name="turbine", version=1, sha256="0" * 64),
    )  # fmt: skip

    def sent(payload: FaultRecognised) -> Any:
        wrapper = DeviceEvent(
            device="t1", boot_id=BOOT, event_seq=1, event_type=payload.type,
            event_version=payload.version, data=payload.model_dump(mode="json"), wall_us=1,
        )  # fmt: skip
        return read_message("events", "t1", payload_bytes(wrapper), 10_000)

    taken = sent(said)
    assert isinstance(taken, WrappedEvent)
    assert taken.payload == said
    with pytest.raises(NotAllowed):
        sent(said.model_copy(update={"detector": "bus"}))
