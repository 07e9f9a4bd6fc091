"""Documents are tagged, labelled, and made examples of classes on the console's pages."""

from __future__ import annotations

from typing import TypeVar

import httpx

from lineal.effects.records import lineage_records
from lineal.lineage.record import Artifact, digest
from lineal.runtime import Runtime
from lineal_producers.http.application import application
from lineal_schemas.descriptions import DocumentDescribed
from lineal_schemas.documents import DocumentLabelled
from lineal_schemas.envelope import decode
from lineal_schemas.payload import Payload
from tests.conformance.harness import events_on
from tests.lineage.records import one_step
from tests.producers.http.test_classes import ID, _register
from tests.producers.http.test_reviews import token

P = TypeVar("P", bound=Payload)


async def acts(runtime: Runtime, payload: type[P]) -> list[P]:
    """What was published, oldest first."""
    found = [decode(event).data for event in await events_on(runtime, payload.type)]
    return [each for each in found if isinstance(each, payload)]


async def test_chosen_documents_are_taught_tagged_and_labelled(runtime: Runtime) -> None:
    await runtime.store.write(_register)
    made = [Artifact(digest(b"rent"), "text/plain", 4, "text")]
    step = one_step(f"document:{ID}", outputs=made)
    await runtime.committer.publish((), lineage_records([step]))
    await runtime.flush_ledger()
    await runtime.store.write(
        lambda c: c.executemany(
            "INSERT INTO labels VALUES (?, ?, ?)",
            [(ID, "old", ""), (ID, "kept", ""), (ID, "room", "12"), (ID, "date", "2026-01-01")],
        )
    )
    transport = httpx.ASGITransport(application(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as client:
        reader = await token(runtime, "r", "read") | {"accept": "text/html"}
        person = await token(runtime, "v", "read", "review") | {"accept": "text/html"}
        page = f"/console/documents/{ID}"
        assert "Edit tags" not in (await client.get(page, headers=reader)).text
        shown = (await client.get(page, headers=person)).text
        assert 'name="tags" value="kept, old"' in shown
        assert 'type="date" name="value 1" value="2026-01-01"' in shown

        async def post(path: str, form: dict[str, str], who: dict[str, str] = person) -> int:
            return (await client.post(path, headers=who, data=form)).status_code

        listed = "/console/documents"
        chosen = {"id": ID}
        for act in ("teach", "tag"):
            assert await post(f"{listed}/{act}", chosen, reader) == 403
            assert await post(f"{listed}/{act}", chosen) == 400  # without a name
        assert await post(f"{listed}/teach", chosen | {"class name": "lease"}) == 303
        assert [each.label for each in await acts(runtime, DocumentLabelled)] == ["lease"]
        assert await post(f"{listed}/tag", chosen | {"new tag": "rent"}) == 303

        form = {"tags": "kept, new", "key 0": "correspondent", "value 0": "Acme"}
        form |= {"key 1": "date", "value 1": "2026-01-01", "key 2": "room", "value 2": ""}
        assert await post(f"{page}/description", form, reader) == 403
        assert await post(f"{page}/description", form) == 303
        tagged, said = await acts(runtime, DocumentDescribed)
        assert tagged.added == ("rent",)
        assert (said.added, said.removed) == (("new",), ("old",))
        assert said.labels == {"correspondent": "Acme", "room": ""}
