"""Classes are taught, listed, and files split over HTTP, by who may review."""

from __future__ import annotations

from typing import Any

import httpx

from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, digest
from lineal.runtime import Runtime
from lineal_catalog.reviews.opinions import ReviewAnswer, insert_answer
from lineal_catalog.reviews.thresholds import thresholds_set
from tests.lineage.records import one_step
from tests.producers.http.test_reviews import client, token

__all__ = ["client"]

ID = "11111111-1111-5111-8111-111111111111"


def _register(connection: Any) -> None:
    for document_id in (ID, ID.replace("1", "2")):
        connection.execute(
            "INSERT INTO registry VALUES (?, 'default', 'rent.pdf', ?, 15, 'application/pdf', 1)",
            (document_id, digest(document_id.encode())),
        )
        connection.execute(
            "INSERT INTO arrivals VALUES (?, 'e', 'rent.pdf', 'http:upload/rent.pdf', 1)",
            (document_id,),
        )


async def test_who_may_review_teaches_classes_and_has_files_split(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    await runtime.store.write(_register)
    made = [Artifact(digest(b"rent"), "text/plain", 4, "text")]
    step = one_step(f"document:{ID}", outputs=made)
    await runtime.committer.publish((), lineage_records([step]))
    await runtime.flush_ledger()
    reader, reviewer = [
        await token(runtime, name, *acts)
        for name, acts in (("r", ("read",)), ("v", ("read", "review")))
    ]
    at = f"/documents/{ID}"

    async def post(path: str, body: object, who: dict[str, str] = reviewer) -> int:
        return (await client.post(path, headers=who, json=body)).status_code

    assert await post(f"{at}/class", {"name": "lease"}, reader) == 403
    assert await post(f"{at}/split", {}, reader) == 403
    refused: tuple[object, ...] = (
        {}, {"name": ""}, {"name": "x" * 101}, {"name": "a", "by": "user:b"}, [],
    )  # fmt: skip
    for wrong in refused:
        assert await post(f"{at}/class", wrong) == 422
    for wrong_pages in ([0], [2], ["x"]):
        assert await post(f"{at}/split", {"first_pages": wrong_pages}) == 422
    assert await post(f"{at.replace('1', '2')}/class", {"name": "lease"}) == 409  # not read yet
    assert await post(f"{at.replace('1', '3')}/class", {"name": "lease"}) == 404
    assert await post(f"{at}/class", {"name": "invoice"}) == 202
    assert await post(f"{at}/class", {"name": "lease"}) == 202
    assert await post(f"{at}/split", {}) == 202
    listed = (await client.get("/classes", headers=reader)).json()
    assert [(each["name"], each["examples"]) for each in listed] == [("lease", 1)]

    async def forget(who: dict[str, str]) -> int:
        return (await client.delete(f"{at}/class", headers=who)).status_code

    assert [await forget(who) for who in (reader, reviewer, reviewer)] == [403, 202, 404]
    assert (await client.get("/classes", headers=reader)).json() == []


async def test_the_console_lists_classes_teaches_and_forgets_examples(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    await runtime.store.write(_register)
    made = [Artifact(digest(b"rent"), "text/plain", 4, "text")]
    await runtime.committer.publish((), lineage_records([one_step(f"document:{ID}", outputs=made)]))
    await runtime.flush_ledger()
    await runtime.store.write(
        lambda c: c.execute("INSERT INTO search_facets VALUES (?, 'class', 'letter')", (ID,))
    )
    page = "/console/classes"
    reader = await token(runtime, "r", "read") | {"accept": "text/html"}
    person = await token(runtime, "v", "read", "review") | {"accept": "text/html"}

    async def post(path: str, form: dict[str, str], who: dict[str, str] = person) -> int:
        return (await client.post(f"{page}/{path}", headers=who, data=form)).status_code

    async def shown(path: str = "", language: str = "en") -> str:
        headers = reader | {"accept-language": language}
        return (await client.get(f"{page}{path}", headers=headers)).text

    lease = {"name": "lease <b>", "document": ID}
    assert await post("teach", lease, reader) == 403
    assert await post("teach", lease | {"name": ""}) == 400
    assert await post("teach", lease | {"document": "nothing"}) == 404
    assert await post("teach", lease | {"document": ID.replace("1", "2")}) == 409
    assert await post("teach", lease) == 303
    listed = await shown()
    assert "lease &lt;b&gt;" in listed
    assert "not learnt yet" in listed
    assert "letter" in listed
    assert "noch nicht gelernt" in await shown(language="de")
    assert "rent.pdf" in await shown("/lease%20%3Cb%3E")
    assert (await client.get(f"{page}/none", headers=reader)).status_code == 404
    assert await post("forget", {"document": ID}, reader) == 403
    assert await post("forget", {"document": ID}) == 303
    assert await post("forget", {"document": ID}) == 404
    assert "lease" not in await shown()


async def test_how_sure_is_sure_enough_is_measured_and_set_on_the_console(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    def answered(connection: Any) -> None:
        for number in range(65):
            item, wrong = f"i{number}", number == 0
            connection.execute(
                "INSERT INTO reviews (item_id, subject, target, part, reason, document_class, "
                "confidence, four_eyes, request, event_id, created, superseded, completed) "
                "VALUES (?, ?, 'class', '', 'audit', ?, ?, 0, '', ?, 1, 0, 1)",
                (item, f"document:{number}", "lease" if number < 50 else "menu",
                 500_000 if wrong else 900_000, f"e{number}"),
            )  # fmt: skip
            insert_answer(
                connection,
                ReviewAnswer(item, 1, f"a{number}", "user:ann", "corrected" if wrong else
                             "confirmed", "", "", 1, 1, True, f"document:{number}", "class"),
            )  # fmt: skip

    await runtime.store.write(answered)
    reader = await token(runtime, "r", "read")
    owner = await token(runtime, "o", "read", "review", "promote")
    page = (await client.get("/console/classes", headers=owner)).text
    assert "30 more right answers needed" in page  # 15 of 15 are no certainty
    assert "85.8%" in page
    assert "100%" not in page
    given = {"precision": "95"}
    at = "/console/classes/thresholds"
    assert (await client.post(at, headers=reader, data=given)).status_code == 403
    assert (await client.post(at, headers=owner, data=given)).status_code == 303
    assert await runtime.store.read(thresholds_set) == {"lease": 0.9}
