"""Images over HTTP: asked for, worked on, and given to who asked alone."""

from __future__ import annotations

import json

import httpx

from lineal.daemon import Daemon
from lineal.runtime import Runtime
from lineal_consumers.restyle.stage import restyle
from tests.consumers.restyle.scene import pixels_of, png, scene
from tests.producers.http.test_reviews import client, token
from tests.serving.conftest import until

__all__ = ["client"]

ASKED = {"mask": {"words": "red"}, "fill": {"kind": "colour", "colour": "#1e3cbe"}}


def form(asked: object, *images: bytes) -> dict[str, object]:
    files = [("image", (f"{n}.png", image, "image/png")) for n, image in enumerate(images)]
    return {"files": files, "data": {"request": json.dumps(asked)}}


async def test_images_are_changed_for_who_asks_and_nobody_else_sees_them(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    ann, bob = [await token(runtime, name, "read", "upload") for name in ("ann", "bob")]
    picture, disc, _ = scene()
    given = form(ASKED, png(picture), b"no picture")
    asked = await client.post("/restylings", headers=ann, **given)  # type: ignore[arg-type]
    assert asked.status_code == 202, asked.text
    address = asked.json()["status"]
    assert (await client.get(address, headers=ann)).json()["status"] == "waiting"
    daemon = Daemon(runtime, [restyle])
    await daemon.start()
    try:

        async def ready() -> bool:
            return bool((await client.get(address, headers=ann)).json()["status"] == "ready")

        await until(ready)
    finally:
        await daemon.stop()
    first, second = (await client.get(address, headers=ann)).json()["images"]
    assert second["image"] is None and "no picture" in second["problem"]
    image = await client.get(first["image"], headers=ann)
    assert image.headers["content-type"] == "image/png"
    assert pixels_of(image.content)[disc][:, 2].mean() > 150
    assert (await client.get(first["mask"], headers=ann)).status_code == 200
    assert (await client.get(f"{address}/images/1", headers=ann)).status_code == 404
    for path in (address, first["image"]):
        assert (await client.get(path, headers=bob)).status_code == 404


async def test_a_wrong_request_is_said_to_be_one(
    client: httpx.AsyncClient, runtime: Runtime
) -> None:
    ann = await token(runtime, "ann", "upload")
    picture = png(scene()[0])
    for asked, images in (
        ({}, [picture]),
        ({"mask": {}}, [picture]),
        ({"mask": {"colour": "red"}}, [picture]),
        (ASKED, []),
    ):
        given = form(asked, *images)
        answer = await client.post("/restylings", headers=ann, **given)  # type: ignore[arg-type]
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["error"]
    reader = await token(runtime, "eve", "read")
    given = form(ASKED, picture)
    refused = await client.post("/restylings", headers=reader, **given)  # type: ignore[arg-type]
    assert refused.status_code == 403
