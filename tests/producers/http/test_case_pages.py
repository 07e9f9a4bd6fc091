"""The pages of cases show what is missing and what contradicts."""

from __future__ import annotations

from functools import partial

import httpx

from lineal.access.tokens import create_token
from lineal.access.users import add_user
from lineal.effects.objects import ObjectPut
from lineal.lineage.record import digest
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.visibility import restrict_source
from lineal_producers.http.application import application
from lineal_schemas.envelope import now_us
from lineal_schemas.packages import (
    BrokenRule,
    MissingPart,
    PackageDocument,
    PackageReport,
    RiskReason,
    ValuePlace,
)
from tests.producers.http.test_reviews import token

DOCUMENT = "d6750734-66d5-5f61-b6a2-f743bd814c17"


SECRET = "00000000-0000-4000-8000-000000000001"


def _documents(connection: Connection) -> None:
    """Those of the case: an open one, and one that only Ben may see."""
    for document, readers in ((DOCUMENT, None), (SECRET, ["ben"])):
        source = f"file:///{document}"
        connection.execute(
            "INSERT INTO registry VALUES (?, 'default', ?, NULL, NULL, NULL, 1)",
            (document, f"name of {document}"),
        )
        connection.execute(
            "INSERT INTO arrivals VALUES (?, 'e', ?, ?, 1)", (document, document, source)
        )
        restrict_source(connection, document, source, readers)


async def test_a_case_is_listed_and_shown_with_what_is_wrong(runtime: Runtime) -> None:
    place = ValuePlace(document_id=DOCUMENT, document_class="contract", field="borrower")
    report = PackageReport(
        package="loan",
        case="LOAN-17",
        status="review",
        documents=(
            PackageDocument(document_id=DOCUMENT, document_class="contract"),
            PackageDocument(document_id=SECRET, document_class="statement"),
        ),
        missing=(MissingPart(document_class="statement", count=2),),
        contradictions=(
            BrokenRule(
                rule="same_name",
                reason="<b>names agree",
                documents=(DOCUMENT,),
                places=(
                    place,
                    ValuePlace(document_id=SECRET, document_class="statement", field="holder"),
                ),
            ),
        ),
        score=0.4,
        reasons=(RiskReason(reason="late", weight=0.1),),
        due_us=1_800_000_000_000_000,
    )
    data = report.model_dump_json().encode()
    await runtime.committer.publish((), [ObjectPut(data)])
    await runtime.store.write(
        lambda c: c.execute(
            "INSERT INTO packages (package, case_id, status, documents, missing, contradictions, "
            "score_ppm, report, updated) VALUES ('loan', 'LOAN-17', 'review', 1, 2, 1, 400000, "
            "?, 1)",
            (digest(data),),
        )
    )
    await runtime.store.write(_documents)
    await runtime.store.write(
        lambda c: c.executemany(
            "INSERT INTO package_documents VALUES (?, 'loan', 'LOAN-17')", [(DOCUMENT,), (SECRET,)]
        )
    )
    headers = await token(runtime, "ann", "read") | {"accept": "text/html"}
    transport = httpx.ASGITransport(application(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8480", headers=headers
    ) as client:
        listed = await client.get("/console/cases")
        assert 'href="/console/cases/loan/LOAN-17"' in listed.text
        shown = (await client.get("/console/cases/loan/LOAN-17")).text
        for wanted in ("&lt;b&gt;names agree", "statement", "×2", "late", "borrower"):
            assert wanted in shown
        assert "Check again" not in shown
        assert SECRET not in shown and "maiden" not in shown
        assert (await client.get("/console/cases/loan/other")).status_code == 404
        refused = await client.post("/console/cases/loan/LOAN-17/check")
        assert refused.status_code == 403


async def test_who_may_not_see_a_document_sees_nothing_of_it_in_its_case(runtime: Runtime) -> None:
    await runtime.store.write(_documents)
    report = PackageReport(
        package="loan", case="LOAN-18", status="open", missing=(), contradictions=(), due_us=1,
        documents=(PackageDocument(document_id=SECRET, document_class="contract"),),
    )  # fmt: skip
    data = report.model_dump_json().encode()
    await runtime.committer.publish((), [ObjectPut(data)])
    await runtime.store.write(
        lambda c: c.execute(
            "INSERT INTO packages VALUES ('loan', 'LOAN-18', 'open', 1, 0, 0, -1, ?, 1)",
            (digest(data),),
        )
    )
    await runtime.store.write(
        lambda c: c.execute(
            "INSERT INTO package_documents VALUES (?, 'loan', 'LOAN-18')", (SECRET,)
        )
    )
    await runtime.store.write(lambda c: add_user(c, "ben", "reviewer", None, now_us()))
    _, secret = await runtime.store.write(
        partial(
            create_token, name="pc", acts=frozenset({"read", "review"}), user="ben", types=None,
            expires=None, now=now_us(),
        )
    )  # fmt: skip
    transport = httpx.ASGITransport(application(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as client:
        for headers, seen in (
            (await token(runtime, "ann", "read", "review"), False),
            # A token of somebody whom the list names.
            ({"authorization": f"Bearer {secret}"}, True),
        ):
            listed = (await client.get("/cases", headers=headers)).json()
            assert [one["case"] for one in listed] == (["LOAN-18"] if seen else [])
            pages = await client.get("/console/cases", headers={**headers, "accept": "text/html"})
            assert ("LOAN-18" in pages.text) is seen
            shown = await client.get("/cases/LOAN-18", headers=headers)
            checked = await client.post("/cases/LOAN-18/check", headers=headers)
            assert (shown.status_code, checked.status_code) == ((200, 202) if seen else (404, 404))
            assert (SECRET in shown.text) is seen
