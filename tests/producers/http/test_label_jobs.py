"""A labelling job over HTTP, from its making to its figures."""

from __future__ import annotations

import httpx

from lineal.runtime import Runtime
from tests.producers.http.test_reviews import client, token

__all__ = ["client"]


async def test_a_job_is_made_labelled_closed_and_exported(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    ann = await token(runtime, "ann", "read", "review")
    new = {"name": "nights", "items": ["t1#t=0,10", "t1#t=10,20"], "classes": ["calm", "storm"],
           "known": {"t1#t=0,10": "calm"}}  # fmt: skip
    made = await client.post("/label-jobs", headers=ann, json=new)
    assert made.status_code == 201, made.text
    job = made.json()["job"]
    for _ in range(2):
        taken = (await client.post(f"/label-jobs/{job}/take", headers=ann)).json()
        assert "known" not in taken
        label = {"item": taken["item"], "value": {"label": "calm"}, "seconds": 1.5}
        given = await client.post(f"/label-jobs/{job}/labels", headers=ann, json=label)
        assert given.status_code == 201
    assert (await client.post(f"/label-jobs/{job}/take", headers=ann)).status_code == 204
    wrong = {"item": "t1#t=0,10", "value": {"label": "fog"}}
    refused = await client.post(f"/label-jobs/{job}/labels", headers=ann, json=wrong)
    assert refused.status_code == 422
    figures = (await client.get(f"/label-jobs/{job}/dashboard", headers=ann)).json()
    assert figures["workers"][0]["accuracy"] == 1.0
    rows = (await client.get(f"/label-jobs/{job}/dashboard.csv", headers=ann)).text.splitlines()
    assert rows[1].startswith("token:ann,2,3,1.5")
    closed = (await client.post(f"/label-jobs/{job}/close", headers=ann)).json()
    assert (closed["items"], closed["resolved"]) == (2, 2)
    exported = await client.get(f"/label-jobs/{job}/labels?format=csv", headers=ann)
    assert exported.text.splitlines()[1].startswith('"t1#t=0,10",calm')
    assert (
        await client.get(f"/label-jobs/{job}/labels?format=coco", headers=ann)
    ).status_code == 422
    assert [each["status"] for each in (await client.get("/label-jobs", headers=ann)).json()] == [
        "closed"
    ]
    assert (await client.get("/label-jobs/none", headers=ann)).status_code == 404
