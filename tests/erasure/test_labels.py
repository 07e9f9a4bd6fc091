"""What people said of erased things in labelling jobs goes with them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lineal.access.credential import owner_credential
from lineal.erasure.erase import erase, overwrite, plan_erasure
from lineal.runtime import open_runtime
from lineal_catalog.labels.answers import give_label
from lineal_catalog.labels.closing import close_job
from lineal_catalog.labels.items import item_of, with_sizes
from lineal_catalog.labels.jobs import create_job
from lineal_consumers.photos.stage import arrive as photo_arrive
from lineal_consumers.photos.stage import score as photo_score
from lineal_consumers.register.stage import register
from lineal_schemas.labels import LabelValue
from tests.erasure.documents import WORDS, handle_all, settings, words_found
from tests.erasure.test_derived import arrive_photo

SAID, NAMED = WORDS[:2]


async def test_labels_of_a_photo_go_with_its_document(tmp_path: Path) -> None:
    by = owner_credential()
    config = {"models": {"photos": {"kind": "photos"}}}
    async with open_runtime(settings(tmp_path, stages={"retrain": config})) as runtime:
        erased = await arrive_photo(runtime, b"pixels of somebody", "a piece")
        kept = await arrive_photo(runtime, b"pixels of gears", "another")
        await handle_all(runtime, [register, photo_arrive, photo_score])
        names = [f"photo:{each}" for each in (erased, kept)]
        items = [await runtime.store.read(partial(item_of, name=name)) for name in names]
        items = await with_sizes(runtime, items)
        job = await create_job(runtime, by, name="who is it?", items=items, model="faces")
        await give_label(
            runtime, job.job, names[0], LabelValue(label=NAMED, text=f"It is {SAID}."), by
        )
        await give_label(runtime, job.job, names[1], LabelValue(label="a gear"), by)
        await close_job(runtime, job.job, by)
        assert {each.split()[0] for each in words_found(tmp_path, [SAID, NAMED])} == {SAID, NAMED}
        plan = await plan_erasure(runtime, [f"document:{erased}"])
        assert plan.remains == ()
        await erase(runtime, plan, "asked for", by=by)
        assert await overwrite(runtime) == []
    assert words_found(tmp_path, [SAID, NAMED]) == set()
    assert words_found(tmp_path, ["a gear"])
