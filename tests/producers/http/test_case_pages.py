"""The pages of cases show what is missing and what contradicts."""

from __future__ import annotations

import httpx

from lineal.effects.objects import ObjectPut
from lineal.lineage.record import digest
from lineal.runtime import Runtime
from lineal_producers.http.application import application
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


async def test_a_case_is_listed_and_shown_with_what_is_wrong(runtime: Runtime) -> None:
    place = ValuePlace(document_id=DOCUMENT, document_class="contract", field="borrower")
    report = PackageReport(
        package="loan",
        case="LOAN-17",
        status="review",
        documents=(PackageDocument(document_id=DOCUMENT, document_class="contract"),),
        missing=(MissingPart(document_class="statement", count=2),),
        contradictions=(
            BrokenRule(
                rule="same_name", reason="<b>names agree", documents=(DOCUMENT,), places=(place,)
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
        assert (await client.get("/console/cases/loan/other")).status_code == 404
        refused = await client.post("/console/cases/loan/LOAN-17/check")
        assert refused.status_code == 403
