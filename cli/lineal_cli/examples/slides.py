"""``lineal examples run slides``: a slide with planted lesions, cut into tiles and scored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lineal_cli.examples.example_run import ExampleRun

    Pixels = npt.NDArray[np.uint8]

SIDE = 16_384
"""Pixels of each side of the slide: 1,024 tiles."""
_SEGMENT, _BY = 512, 16
LESIONS = {(9, 12), (21, 17), (22, 8)}
"""Rows and columns of tiles."""


def draw_slide(path: Path, lesions: set[tuple[int, int]], seed: int) -> None:
    """Write a pyramid in two resolutions: round pale tissue on glass, and tiles full of nuclei."""
    import numpy as np
    import tifffile

    chance = np.random.default_rng(seed)
    glass = np.full((_SEGMENT, _SEGMENT, 3), 244, np.uint8)
    pale, dark = _tissue(chance, 12), _tissue(chance, 400)
    middle = SIDE // _SEGMENT / 2

    def segment(row: int, column: int) -> Pixels:
        if (row, column) in lesions:
            return dark
        inside = (row + 0.5 - middle) ** 2 + (column + 0.5 - middle) ** 2 < (middle * 0.7) ** 2
        return pale if inside else glass

    def full() -> Iterator[Pixels]:
        for row in range(SIDE // _SEGMENT):
            for column in range(SIDE // _SEGMENT):
                yield segment(row, column)

    def small() -> Iterator[Pixels]:
        for row in range(0, SIDE // _SEGMENT, _BY):
            for column in range(0, SIDE // _SEGMENT, _BY):
                yield np.concatenate(
                    [
                        np.concatenate(
                            [segment(row + y, column + x)[::_BY, ::_BY] for x in range(_BY)], axis=1
                        )
                        for y in range(_BY)
                    ]
                )

    given: dict[str, Any] = {
        "dtype": np.uint8, "tile": (_SEGMENT, _SEGMENT), "photometric": "rgb",
        "compression": "jpeg", "metadata": None,
    }  # fmt: skip
    with tifffile.TiffWriter(path) as file:
        file.write(full(), shape=(SIDE, SIDE, 3), subifds=1, **given)
        file.write(small(), shape=(SIDE // _BY, SIDE // _BY, 3), subfiletype=1, **given)


def _tissue(chance: np.random.Generator, nuclei: int) -> Pixels:
    import numpy as np

    made = np.array((225, 165, 200)) + chance.normal(0, 6, (_SEGMENT, _SEGMENT, 3))
    rows, columns = np.mgrid[:_SEGMENT, :_SEGMENT]
    for y, x in chance.integers(0, _SEGMENT, (nuclei, 2)):
        made[(rows - y) ** 2 + (columns - x) ** 2 < 49] = (70, 45, 130)
    return np.clip(made, 0, 255).astype(np.uint8)


async def show(example: ExampleRun) -> list[str]:
    """A slide of 268 million pixels is scored over all workers; the lesions come out on top."""
    import asyncio

    from lineal.access.senders import read_acting_credential
    from lineal_catalog.slides.slides import put_slide
    from lineal_schemas.slides import SlideScored, TilesScored

    example.folder.mkdir(parents=True, exist_ok=True)
    file = example.folder / "slide.tif"
    example.report(f"Drawing a slide of {SIDE} by {SIDE} pixels with {len(LESIONS)} lesions ...")
    await asyncio.to_thread(draw_slide, file, LESIONS, 1)
    settings = {"slides": {"tiles_per_part": 64}}
    async with example.running(("slides.scatter", "slides.score", "slides.gather"), settings):
        by = await read_acting_credential(example.runtime.store)
        example.report("Cutting it into tiles and scoring them ...")
        with file.open("rb") as content:
            await put_slide(
                example.runtime, content, slide_id="planted", patient="p1", label=None, by=by,
                source="lineal:cli/examples",
            )  # fmt: skip
        await example.until(SlideScored, 1)
        (scored,) = await example.events_of(SlideScored)
        parts = len(await example.events_of(TilesScored))
        heat_map = await example.runtime.objects.get(scored.heat_map)
        (example.folder / "heat-map.zip").write_bytes(heat_map)
    top = scored.highest[: len(LESIONS)]
    found = {(tile.y // 512, tile.x // 512) for tile in top}
    places = ", ".join(f"({tile.x}, {tile.y})" for tile in top)
    return [
        f"of {scored.grid.rows * scored.grid.columns} tiles {scored.background} are glass and "
        f"{scored.scored} were scored, in {parts} parts over all workers",
        f"the highest scores are at {places}: {len(found & LESIONS)} of {len(LESIONS)} planted "
        f"lesions (score {top[-1].score:.2f}; the next tile has "
        f"{scored.highest[len(LESIONS)].score:.2f})",
        f"the slide's score is {scored.score:.4f}; heat-map.zip shows where it comes from, in red",
    ]
