"""Models of documents: labelled texts, leaks between parts, and what was erased."""

from __future__ import annotations

from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.models import (
    DatasetManifest,
    ModelDataset,
    ModelTrainingRequested,
)
from tests.consumers.retrain.flywheel import (
    TEXTS,
    Flywheel,
)


async def test_labelled_documents_make_a_classifier(flywheel: Flywheel) -> None:
    for number in range(30):
        label = sorted(TEXTS)[number % 3]
        text = await flywheel.harness.put(TEXTS[label].format(n=number).encode(), "text/plain")
        await flywheel.harness.send(
            DocumentLabelled(
                document_id=f"d{number}", label=label, text=text, by="ann", labelled_us=number
            )
        )
    request = ModelTrainingRequested(name="documents", cause="manual", requested_us=1)
    made = await flywheel.spin(request)
    (dataset,), (evaluated,) = made["dataset"], made["evaluated"]
    assert (dataset.kind, dataset.train_items + dataset.test_items) == ("documents", 30)
    # One of ten, or more: those that have the same words are in one part.
    tested = {item.label for item in (await manifest_of(flywheel, dataset)).test}
    assert tested == set(TEXTS)
    assert evaluated.metrics["accuracy"] == 1.0
    assert made["promoted"][0].name == "documents"
    assert made["trained"][0].algorithm.startswith("tfidf-")


async def labelled(flywheel: Flywheel, numbers: range) -> None:
    for number in numbers:
        label = sorted(TEXTS)[number % 3]
        text = await flywheel.harness.put(TEXTS[label].format(n=number).encode(), "text/plain")
        await flywheel.harness.send(
            DocumentLabelled(
                document_id=f"d{number}", label=label, text=text, by="ann", labelled_us=number
            )
        )


LEARN_DOCUMENTS = ModelTrainingRequested(name="documents", cause="manual", requested_us=1)


async def manifest_of(flywheel: Flywheel, dataset: ModelDataset) -> DatasetManifest:
    return DatasetManifest.model_validate_json(await flywheel.harness.get(dataset.manifest))


async def test_a_text_that_differs_in_spaces_and_case_is_in_the_same_part(
    flywheel: Flywheel,
) -> None:
    await labelled(flywheel, range(30))
    copies = []
    for number in (0, 29):  # the first was to be learnt from, the last is of the test
        text = TEXTS[sorted(TEXTS)[number % 3]].format(n=number).upper().replace(" ", "\n\n")
        copies.append(await flywheel.harness.put(text.encode(), "text/plain"))
        await flywheel.harness.send(
            DocumentLabelled(
                document_id=f"copy{number}", label=sorted(TEXTS)[number % 3], text=copies[-1],
                by="ann", labelled_us=100 - number,
            )
        )  # fmt: skip
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    manifest = await manifest_of(flywheel, dataset)
    part_of = {item.source: part for part in ("train", "test") for item in getattr(manifest, part)}
    assert part_of["copy0"] == part_of["d0"] == "train"
    assert part_of["copy29"] == part_of["d29"]


async def test_a_text_in_which_a_word_is_misread_is_in_the_same_part(flywheel: Flywheel) -> None:
    await labelled(flywheel, range(30))
    for number in range(100, 112):
        page = f"{TEXTS['letter'].format(n=number)} {'and so on ' * 5}page {number}"
        for name, said in (("page", page), ("scan", page.replace("may", "rnay"))):
            await flywheel.harness.send(
                DocumentLabelled(
                    document_id=f"{name}{number}", label="letter", by="ann", labelled_us=number,
                    text=await flywheel.harness.put(said.encode(), "text/plain"),
                )
            )  # fmt: skip
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    manifest = await manifest_of(flywheel, dataset)
    part_of = {item.source: part for part in ("train", "test") for item in getattr(manifest, part)}
    assert {part_of[f"page{number}"] for number in range(100, 112)} == {"train", "test"}
    assert all(part_of[f"page{n}"] == part_of[f"scan{n}"] for n in range(100, 112))


async def test_a_planted_leak_is_refused_by_name_and_nothing_is_trained(
    flywheel: Flywheel,
) -> None:
    await labelled(flywheel, range(30))
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    clean = await manifest_of(flywheel, dataset)
    leaking = clean.model_copy(update={"train": (*clean.train, clean.test[0])})
    planted = await flywheel.harness.put(leaking.model_dump_json().encode(), "application/json")
    news = {"manifest": planted, "dataset": planted.sha256, "iteration": 2, "first_version": 2}
    assert await flywheel.harness.send(dataset.model_copy(update=news)) == []
    letter = flywheel.harness.dead_letters[-1]
    assert letter.error_class == "LeakFound"
    assert clean.test[0].source in letter.message


async def test_what_was_erased_is_neither_learnt_from_nor_evaluated_on(
    flywheel: Flywheel,
) -> None:
    await labelled(flywheel, range(30))
    (dataset,) = (await flywheel.spin(LEARN_DOCUMENTS))["dataset"]
    manifest = await manifest_of(flywheel, dataset)
    erased = [manifest.train[0], manifest.test[0]]
    store = flywheel.harness.runtime.objects
    assert await store.delete(item.digest for item in erased) == 2
    await labelled(flywheel, range(30, 45))
    made = await flywheel.spin(LEARN_DOCUMENTS)
    again = await manifest_of(flywheel, made["dataset"][0])
    used = {item.source for part in (again.train, again.test) for item in part}
    assert used.isdisjoint(item.source for item in erased)
    assert made["promoted"]
