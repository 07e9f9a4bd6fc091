"""What stages make that no document is, with names and contents that mean harm, in the data of a
running service: as events and records, since making all of it takes models that are trained."""

from __future__ import annotations

import asyncio
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from lineal.access.senders import require_acting
from lineal.acts import publish_acts
from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, digest
from lineal.observability.tracing import first_traceparent
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.store.objects import reference
from lineal_catalog.models.promotions import TRAINING_ROLE
from lineal_catalog.tables.predictions import PredictionSummary
from lineal_schemas.clicks import ClickReceived
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.models import ModelRef, ModelTrained, Provenance
from lineal_schemas.objects import ObjectRef
from lineal_schemas.payload import Payload, payload_bytes
from lineal_schemas.serving import ServingCheck, ServingFigures, ServingMeasured, ServingTested
from lineal_schemas.slides import Slide, SlideScored, TileGrid, TileScore
from lineal_schemas.speech import TranscriptEnded, TranscriptFinal, TranscriptWord
from lineal_schemas.sweeps import (
    SweepRequested,
    SweepStepFinished,
    SweepStepRequested,
    SweptSetting,
)
from tests.lineage.records import one_step

HOSTILE = "<img src=x onerror=alert(1)>\u202eevil'\"&{{7*7}}" + "w" * 60
MINUTE_US = 60_000_000
PHOTO, SLIDE, SESSION, TABLE, SWEEP = "p" * 32, "s-1", "c" * 32, "customers", "sweep1"
SERVED = ModelRef(name="churn", version=2, sha256="b" * 64)


def put_results(data: Path) -> None:
    """Put one of each kind, or some, into the data."""
    with ThreadPoolExecutor(1) as pool:  # the browser's loop runs in this thread
        pool.submit(asyncio.run, _put_all(data)).result()


async def _put_all(data: Path) -> None:
    async with open_runtime(Settings(data=data)) as runtime:
        for put in (_model, _photo, _slide, _transcript, _clicks, _predictions, _sweep, _serving):
            await put(runtime)


async def _publish(runtime: Runtime, *payloads: Payload) -> None:
    actor = (await require_acting(runtime.store, "deploy")).actor
    await publish_acts(
        runtime,
        [
            first_event(
                payload, id=f"{payload.type}-{number}-{payload.partition_key()}",
                source="test:results", actor=actor, traceparent=first_traceparent("test", "test"),
            )
            for number, payload in enumerate(payloads)
        ],
    )  # fmt: skip


async def _stored(runtime: Runtime, data: bytes, media_type: str) -> ObjectRef:
    stored = await runtime.objects.put_file(io.BytesIO(data))
    return reference(stored.sha256, stored.bytes, media_type)


def _artifact(ref: ObjectRef, role: str) -> Artifact:
    return Artifact(ref.sha256, ref.media_type, ref.bytes, role)


def picture(colour: tuple[int, int, int], side: int = 256) -> bytes:
    """A PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


async def _model(runtime: Runtime) -> None:
    """One whose dataset was erased: it still has a page."""
    file = await _stored(runtime, b"a model of churn", "application/x-onnx")
    trained = ModelTrained(
        name=SERVED.name, model=SERVED, iteration=1, algorithm="boosted", artifact=file,
        dataset="d" * 64, manifest=reference("d" * 64, 1, "application/json"),
        provenance=Provenance(
            seeds={"seed": 1}, threads=1, code_sha256="c" * 64, python="3.11", platform="linux"
        ),
    )  # fmt: skip
    data = payload_bytes(trained)
    output = Artifact(digest(data), "application/json", len(data), TRAINING_ROLE)
    record = one_step(f"model:{SERVED.name}", kind="train", outputs=[output])
    await runtime.committer.publish([], [ObjectPut(data), *lineage_records([record])])


async def _photo(runtime: Runtime) -> None:
    taken = await _stored(runtime, picture((90, 120, 90)), "image/png")
    heat = await _stored(runtime, picture((200, 20, 30)), "image/jpeg")
    record = one_step(
        f"photo:{PHOTO}",
        kind="inspect",
        inputs=[
            _artifact(taken, "photo"),
            _artifact(await _stored(runtime, b"a model", "application/x-onnx"), "model"),
        ],
        outputs=[_artifact(heat, "heat_map")],
        attributes={"line": "washers", "score": "2.5", "threshold": "1", "above": 1,
                    "captured": now_us(), "piece": HOSTILE},
    )  # fmt: skip
    await runtime.committer.publish([], lineage_records([record]))


async def _slide(runtime: Runtime) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("0/0/0", "1/0/0", "1/1/0", "1/0/1", "1/1/1"):
            archive.writestr(f"{name}.png", picture((210, 180, 190)))
    heat_map = await _stored(runtime, out.getvalue(), "application/zip")
    empty = await _stored(runtime, b"{}", "application/json")
    slide = Slide(slide_id=SLIDE, content=empty, patient=HOSTILE, label="positive",
                  arrived_us=now_us())  # fmt: skip
    scored = SlideScored(
        slide=slide, grid=TileGrid(width=4096, height=4096), score=0.31, scorer=HOSTILE,
        scored=60, background=4, highest=(TileScore(x=512, y=1024, score=0.9),), scores=empty,
        features=empty, heat_map=heat_map,
    )  # fmt: skip
    await _publish(runtime, scored)


async def _transcript(runtime: Runtime) -> None:
    words = tuple(
        TranscriptWord(text=text, start=at, end=at + 1, confidence=sure, stable=True)
        for at, (text, sure) in enumerate((("Hello", 0.9), (HOSTILE, 0.2)))
    )
    said = TranscriptFinal(
        session_id=SESSION, number=1, channel=0, speaker=HOSTILE[:60], utterance=0, words=words,
        start=0, end=2, text=f"Hello {HOSTILE}", engine=HOSTILE, redacted={"phone": 1},
    )  # fmt: skip
    await _publish(
        runtime,
        said,
        TranscriptEnded(session_id=SESSION, number=2, reason="last", seconds=2, utterances=1),
    )


async def _clicks(runtime: Runtime) -> None:
    """A robot that clicks every second, and much later once more: its first window is closed."""
    begin = 1_700_000_400_000_000
    moments = [begin + second * 1_000_000 for second in range(60)]
    clicks = [
        ClickReceived(visitor=HOSTILE, target="ad", at_us=at)
        for at in (*moments, begin + 20 * MINUTE_US)
    ]
    await _publish(runtime, *clicks)


async def _predictions(runtime: Runtime) -> None:
    from orjson import dumps

    highest = dumps(
        [
            {"entity": HOSTILE, "value": 0.93,
             "reasons": [{"feature": HOSTILE[:60], "value": None, "moved": -1.25}]},
            {"entity": "c17", "value": 0.4},
        ]
    ).decode()  # fmt: skip
    summary = PredictionSummary(TABLE, "churn", 1, 0, now_us(), 1500, 0.25, highest)
    await runtime.committer.publish([], [summary])


async def _sweep(runtime: Runtime) -> None:
    manifest = await _stored(runtime, b"{}", "application/json")
    steps = [
        SweepStepRequested(sweep_id=SWEEP, name="churn", run=run, step=0, steps=1,
                           values={"leaves": 4 + run, "learner": HOSTILE}, manifest=manifest)
        for run in range(3)
    ]  # fmt: skip
    await _publish(
        runtime,
        SweepRequested(
            sweep_id=SWEEP, name="churn", by="user:ann", requested_us=now_us(),
            settings={"leaves": SweptSetting(values=(4, 5, 6)),
                      "rate": SweptSetting(low=0.01, high=0.1, log=True)},
        ),
        *steps,
        SweepStepFinished(sweep_id=SWEEP, name="churn", run=0, step=0, score=0.5),
        SweepStepFinished(sweep_id=SWEEP, name="churn", run=1, step=0, score=0.75),
        SweepStepFinished(sweep_id=SWEEP, name="churn", run=2, step=0, score=None,
                          problem=HOSTILE),
    )  # fmt: skip


async def _serving(runtime: Runtime) -> None:
    record = one_step(
        "model:churn",
        kind="serve",
        inputs=[
            _artifact(await _stored(runtime, b'{"version": 1}', "application/json"), "stable"),
            _artifact(await _stored(runtime, b'{"version": 2}', "application/json"), "candidate"),
        ],
        attributes={"model": "churn", "what": "canary_started", "version": 2, "reason": HOSTILE,
                    "rollout": "r1", "phase": "canary", "share": "0.25", "step": 1, "paused": 0,
                    "stable_version": 1, "candidate_version": 2},
    )  # fmt: skip
    await runtime.committer.publish([], lineage_records([record]))
    check = ServingCheck(name="latency_ms", value=9, limit=250, passed=True, message=HOSTILE)
    await _publish(
        runtime,
        ServingTested(name="churn", rollout_id="r1", model=SERVED, cause="promoted", passed=True,
                      checks=(check,), by=HOSTILE),
        ServingMeasured(
            name="churn", rollout_id="r1", step=1, server=HOSTILE, measured_us=now_us(),
            candidate=ServingFigures(requests=40, errors=1, scores=(0.5, 0.7)),
            stable=ServingFigures(requests=120),
        ),
    )  # fmt: skip
