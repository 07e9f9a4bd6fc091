"""What people correct is learnt: the documents of the kinds that were corrected become right."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from pathlib import Path

from lineal.access.credential import owner_credential
from lineal.bus.protocol import Selection
from lineal.daemon import Daemon
from lineal.effects.records import lineage_records
from lineal.lineage.ledger import steps_of_subject
from lineal.lineage.record import Artifact, digest
from lineal.replay import plan_replay, run_replay
from lineal.runtime import Runtime, open_runtime
from lineal.settings import Settings
from lineal.stages.discovery import find_stages
from lineal.store.objects import reference
from lineal.testing.substitutes import InProcessWorkers
from lineal_catalog.classes.queries import examples_of
from lineal_catalog.classes.teaching import teach
from lineal_catalog.models.promotions import model_in_use
from lineal_catalog.reviews.answers import complete
from lineal_catalog.reviews.queries import Filter, list_reviews
from lineal_catalog.reviews.reviewer import Reviewer
from lineal_consumers.nlp.stage import nlp
from lineal_schemas.documents import DocumentTextExtracted
from lineal_schemas.envelope import decode, first_event, now_us
from lineal_schemas.models import DatasetManifest, ModelDataset, ModelTrainingRequested
from lineal_schemas.results import Engine, Page, TextResult
from lineal_schemas.reviews import ReviewValue
from tests.conformance.harness import events_on, lag
from tests.lineage.records import one_step

STAGES = ["nlp", "index", "review", "retrain", "retrain.train", "retrain.evaluate",
          "retrain.promote"]  # fmt: skip
WORDS = {
    "menu": "soup salad dessert starter vegetarian wine cheese pasta grill course roast sorbet",
    "logbook": "harbour anchor tide wind knots crew sails bearing deck watch lighthouse swell",
    "score": "violin tempo adagio cello forte quartet bars allegro rest oboe legato chord",
}
OWNER = Reviewer(owner_credential())
PATIENCE_SECONDS = 180.0


async def settled(runtime: Runtime) -> None:
    quiet = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while quiet < 3:
            waiting = [await lag(runtime, name) for name in STAGES]
            quiet = 0 if any(waiting) else quiet + 1
            await asyncio.sleep(0.05)


async def read(runtime: Runtime, name: str, text: str) -> None:
    """A document has been read."""
    result = TextResult(
        engines=(Engine(name="t", version="1"),),
        text=text,
        pages=(Page(number=1, begin=0, end=len(text), width=0, height=0, source="parse"),),
    )
    refs = []
    for data, kind in ((text.encode(), "text/plain"), (result.to_gzip(), "application/gzip")):
        await runtime.objects.put_large(data)
        refs.append(reference(digest(data), len(data), kind))
    event = first_event(
        DocumentTextExtracted(
            document_id=name, content=refs[0], kind="text", pages=1, text=refs[0], result=refs[1]
        ),
        id=f"event-{name}",
        source="test:ocr",
    )
    await runtime.bus.publish([(event.type, event)])


async def classes(runtime: Runtime) -> dict[str, str]:
    """The class of each document, as the index shows it."""
    rows = await runtime.store.read(
        lambda c: c.execute(
            "SELECT document_id, value FROM search_facets WHERE key = 'class'"
        ).fetchall()
    )
    return dict(rows)


def documents() -> dict[str, str]:
    """60 documents of three kinds that no rule knows, by id; the id begins with the kind."""
    chance = random.Random(7)
    found = {
        f"{kind}-{number:02}": " ".join(chance.choices(words.split(), k=40))
        for kind, words in WORDS.items()
        for number in range(20)
    }
    return dict(sorted(found.items(), key=lambda item: item[0].split("-")[1]))


async def test_fifteen_corrections_of_sixty_documents_make_the_rest_right(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, find_stages(STAGES))
        await daemon.start()
        try:
            await _teach(runtime)
        finally:
            await daemon.stop()


async def test_who_teaches_a_class_has_answered_what_class_the_document_is(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", durability="normal", workers=1)
    async with open_runtime(settings) as runtime:
        daemon = Daemon(runtime, find_stages(["nlp", "index", "review"]))
        await daemon.start()
        try:
            for name in ("menu-00", "menu-01"):
                await read(runtime, name, documents()[name])
            text = documents()["menu-00"].encode()
            made = [Artifact(digest(text), "text/plain", len(text), "text")]
            step = one_step("document:menu-00", outputs=made)
            await runtime.committer.publish((), lineage_records([step]))
            await settled(runtime)
            await runtime.flush_ledger()
            await teach(runtime, {"menu-00": "menu"}, owner_credential(), "test:cli")
            await settled(runtime)
        finally:
            await daemon.stop()
        assert await classes(runtime) == {"menu-00": "menu", "menu-01": "other"}
        wanted = Filter(target="class")
        [left] = await runtime.store.read(partial(list_reviews, now=now_us(), wanted=wanted))
        assert left.document_id == "menu-01"
        assert await examples_of(runtime) == {"menu-00": "menu"}


async def _teach(runtime: Runtime) -> None:
    for name, text in documents().items():
        await read(runtime, name, text)
    await settled(runtime)
    assert set((await classes(runtime)).values()) == {"other"}

    asked = Filter(target="class")
    waiting = await runtime.store.read(partial(list_reviews, now=now_us(), wanted=asked))
    assert len(waiting) == 60
    corrected = set()
    for kind in WORDS:
        for item in [each for each in waiting if kind in each.subject][:5]:
            value = ReviewValue(document_class=kind)
            await complete(runtime, item.item_id, value, OWNER)
            corrected.add(item.document_id)
    await settled(runtime)
    shown = await classes(runtime)
    assert {name for name, kind in shown.items() if kind != "other"} == corrected

    request = ModelTrainingRequested(
        name="documents", cause="manual", by=OWNER.actor, requested_us=now_us()
    )
    event = first_event(request, id="train", source="test:cli")
    await runtime.bus.publish([(event.type, event)])
    await settled(runtime)
    [dataset] = [decode(event).data for event in await events_on(runtime, "model.dataset")]
    assert isinstance(dataset, ModelDataset)
    manifest = DatasetManifest.model_validate_json(await runtime.objects.get(dataset.manifest))
    learnt = {item.source for item in manifest.train} | {item.source for item in manifest.test}
    assert learnt == corrected
    assert manifest.test  # a frozen part, that is learnt from by no iteration
    model = await runtime.store.read(lambda c: model_in_use(c, "documents"))
    assert model is not None

    plan = await plan_replay(runtime, nlp, Selection(), stale=True)
    assert plan.events >= 45
    await run_replay(runtime, plan, InProcessWorkers(), lambda _: None)
    await settled(runtime)
    shown = await classes(runtime)
    wrong = {name: kind for name, kind in shown.items() if not name.startswith(kind)}
    assert wrong == {}
    await _lineage(runtime, sorted(filter(None, corrected))[0])


async def _lineage(runtime: Runtime, corrected: str) -> None:
    """A person and a machine stand in the story of a corrected document."""
    steps = await runtime.store.read(lambda c: list(steps_of_subject(c, f"document:{corrected}")))
    actors = {step.actor for step in steps}
    assert OWNER.actor in actors
    assert {step.build.stage for step in steps if step.build} >= {"nlp", "review", "index"}
