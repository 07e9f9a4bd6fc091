"""The review pages say what becomes of an item, and everything that is asked can be answered."""

from __future__ import annotations

from collections.abc import Mapping

from lineal.access.acts import acts_of
from lineal.effects.objects import ObjectPut
from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, digest
from lineal.runtime import Runtime
from lineal_catalog.reviews.projection import REQUEST_ROLE
from lineal_schemas.envelope import decode_payload, now_us
from lineal_schemas.payload import payload_bytes
from lineal_schemas.reviews import ReviewCompleted, ReviewRequested, ReviewTarget
from tests.conformance.harness import events_on
from tests.lineage.records import one_step
from tests.producers.http.test_diagram_pages import browser
from tests.producers.http.test_reviews import token


async def _request(
    runtime: Runtime, target: ReviewTarget, four_eyes: int = 0, reason: str = "asked",
    attributes: Mapping[str, int | str] | None = None,
) -> str:  # fmt: skip
    requested = ReviewRequested(subject="package:p1", target=target, basis="aa" * 32, reason=reason)
    data = payload_bytes(requested)
    record = one_step(
        requested.subject,
        kind="review",
        started=now_us(),
        events_in=["e"],
        inputs=[Artifact("ee" * 32, "application/json", 2, "event")],
        outputs=[Artifact(digest(data), "application/json", len(data), REQUEST_ROLE)],
        attributes={"act": "request", "item": requested.item, "target": target, "of": "",
                    "why": reason, "four_eyes": four_eyes, **(attributes or {})},
    )  # fmt: skip
    await runtime.committer.publish((), [ObjectPut(data), *lineage_records([record])])
    await runtime.flush_ledger()
    return requested.item


async def _answers(runtime: Runtime) -> list[ReviewCompleted]:
    found = [decode_payload(event) for event in await events_on(runtime, "review.completed")]
    return [each for each in found if isinstance(each, ReviewCompleted)]


async def test_a_package_and_a_file_of_several_documents_are_decided(runtime: Runtime) -> None:
    for target, field, value, said in (
        ("package", "verdict", "normal", "It passes"),
        ("split", "first-pages", "1, 4", "Pages with which documents begin"),
    ):
        item = await _request(runtime, target)
        async with browser(runtime, await token(runtime, target, *acts_of("reviewer"))) as client:
            shown = (await client.get(f"/console/review/{item}")).text
            assert said in shown
            assert f'name="{field}"' in shown
            done = await client.post(f"/console/review/{item}/complete", data={field: value})
            assert done.status_code == 303
            seen = (await client.get(f"/console/review/{item}")).text
            assert "What people said" in seen
    assert len(await _answers(runtime)) == 2
    assert "documents begin on the pages 1, 4" in seen


async def test_four_people_know_what_is_theirs_to_do(runtime: Runtime) -> None:
    item = await _request(runtime, "package", four_eyes=1)
    page, answer = f"/console/review/{item}", f"/console/review/{item}/complete"

    async def see(name: str, said: str, *, then: str | None) -> None:
        async with browser(runtime, await token(runtime, name, *acts_of("reviewer"))) as client:
            assert said in (await client.get(page)).text, name
            if then is None:
                return
            await client.post(answer, data={"verdict": then})
            if name != "cat":
                assert "You have answered" in (await client.get(page)).text
                assert "answered by you" in (await client.get("/console/review")).text

    await see("ann", "Two people have to say the same.", then="normal")
    await see("bob", "One has answered", then="anomaly")
    await see("cat", "what you say decides", then="normal")
    await see("eve", "What people said", then=None)
    [last] = await _answers(runtime)
    assert last.opinions == 3


async def test_how_sure_it_is_that_it_does_not_know_is_not_said(runtime: Runtime) -> None:
    """An item says that nothing like it was taught, and 100 % beside it."""
    sure: dict[str, int | str] = {"confidence": 1_000_000, "document_class": "unknown"}
    item = await _request(runtime, "class", reason="unknown", attributes=sure)
    async with browser(runtime, await token(runtime, "ann", *acts_of("reviewer"))) as client:
        for page in ("/console/review", f"/console/review/{item}"):
            shown = (await client.get(page)).text
            assert "unknown" in shown
            assert "100%" not in shown
