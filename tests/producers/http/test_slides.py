"""Slides over HTTP: what was scored, and the heat map tile by tile."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_consumers.slides.heat_map import draw_heat_map
from lineal_consumers.slides.slide_file import open_pyramid
from lineal_schemas.objects import ObjectRef
from lineal_schemas.slides import Slide, SlideScored, TileGrid
from tests.conformance.harness import publish
from tests.consumers.slides.made_slide import tissue, write_slide
from tests.producers.http.test_reviews import client, token

__all__ = ["client"]

GRID = TileGrid(width=2048, height=1536, tile=64)
HOT = 5 * 32 + 20
"""In row 5, column 20."""


async def put(runtime: Runtime, data: bytes, media_type: str) -> ObjectRef:
    await runtime.objects.put_large(data)
    return reference(sha256(data).hexdigest(), len(data), media_type)


async def score_slide(runtime: Runtime, tmp_path: Path, slide_id: str) -> SlideScored:
    path = write_slide(
        tmp_path / "slide.tif", 2048, lambda *_: tissue(1, 4), levels=(8,), compression=None
    )
    scores = np.zeros(24 * 32, np.float32)
    scores[HOT] = 1.0
    with open_pyramid(str(path)) as pyramid:
        drawn = draw_heat_map(pyramid, GRID, np.arange(24 * 32), scores)
    nothing = await put(runtime, b"nothing", "application/octet-stream")
    scored = SlideScored(
        slide=Slide(slide_id=slide_id, content=nothing, patient="p1", arrived_us=1),
        grid=GRID, score=0.2, scorer="nuclei/1", scored=768, background=0, highest=(),
        scores=nothing, features=nothing,
        heat_map=await put(runtime, drawn, "application/zip"),
    )  # fmt: skip
    await publish(runtime, scored)
    return scored


async def test_all_tiles_of_a_heat_map_are_given_and_show_where_the_score_is(
    client: httpx.AsyncClient, runtime: Runtime, tmp_path: Path
) -> None:
    reader = await token(runtime, "ann", "read")
    scored = await score_slide(runtime, tmp_path, "s1")
    (listed,) = (await client.get("/slides", headers=reader)).json()["slides"]
    assert listed == (await client.get("/slides/s1", headers=reader)).json()
    assert (listed["slide"]["patient"], listed["score"]) == ("p1", 0.2)
    assert scored.heat_map.sha256 not in str(listed)
    described = (await client.get(listed["heat_map"], headers=reader)).json()
    assert (described["width"], described["height"]) == (512, 384)
    assert described["slide_pixels_per_pixel"] == 4
    side, most = described["tile_size"], described["max_zoom"]
    drawn = np.zeros((-(-384 // side) * side, -(-512 // side) * side, 3), np.uint8)
    for x in range(512 // side):
        for y in range(-(-384 // side)):
            address = described["tiles"].format(z=most, x=x, y=y)
            given = await client.get(address, headers=reader)
            assert (given.status_code, given.headers["content-type"]) == (200, "image/png")
            tile = np.asarray(Image.open(io.BytesIO(given.content)))
            drawn[y * side : (y + 1) * side, x * side : (x + 1) * side] = tile
    redness = drawn[:, :, 0].astype(int) - drawn[:, :, 2]
    row, column = divmod(int(redness.argmax()), redness.shape[1])
    assert (row // 16, column // 16) == divmod(HOT, 32)
    whole = await client.get(described["tiles"].format(z=0, x=0, y=0), headers=reader)
    assert Image.open(io.BytesIO(whole.content)).size == (side, side)
    for z, x, y in ((most, 2, 0), (most + 1, 0, 0), (0, 0, 1)):
        beyond = await client.get(described["tiles"].format(z=z, x=x, y=y), headers=reader)
        assert beyond.status_code == 404


async def test_a_tile_that_a_browser_has_is_not_sent_again_but_to_who_may_see_it(
    client: httpx.AsyncClient, runtime: Runtime, tmp_path: Path
) -> None:
    reader = await token(runtime, "ann", "read")
    await score_slide(runtime, tmp_path, "s1")
    first = await client.get("/slides/s1/heatmap/0/0/0.png", headers=reader)
    known = {"if-none-match": first.headers["etag"]}
    again = await client.get("/slides/s1/heatmap/0/0/0.png", headers={**reader, **known})
    assert (again.status_code, again.content) == (304, b"")
    other = await token(runtime, "bob", "upload")
    refused = await client.get("/slides/s1/heatmap/0/0/0.png", headers={**other, **known})
    assert refused.status_code == 403
    assert (await client.get("/slides/other", headers=reader)).status_code == 404
