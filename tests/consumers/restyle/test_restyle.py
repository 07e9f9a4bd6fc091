"""What is meant is found, filled, and nothing else is touched."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lineal.testing import StageHarness
from lineal_consumers.restyle.config import RestyleConfig
from lineal_consumers.restyle.memory_queue import MemoryQueue, TooLarge
from lineal_consumers.restyle.stage import restyle
from lineal_schemas.restyling import Box, Fill, ImagesReady, MaskPrompt, StyleRequested
from tests.consumers.restyle.scene import BLUE, overlap, pixels_of, png, scene

DISC = Box(x=48, y=58, width=106, height=106)


async def run(
    *images: bytes, mask: dict[str, Any], fill: dict[str, Any] | None = None,
    config: RestyleConfig | None = None, engine: str | None = None,
) -> tuple[ImagesReady, list[tuple[np.ndarray, np.ndarray] | None]]:  # fmt: skip
    async with StageHarness(restyle, config=config or RestyleConfig()) as harness:
        stored = [await harness.put(image, "image/png") for image in images]
        await harness.send(
            StyleRequested(
                request_id="r1", images=tuple(stored), mask=MaskPrompt(**mask),
                fill=Fill(**(fill or {})), engine=engine, by="user:ann", requested_us=1,
            )
        )  # fmt: skip
        assert not harness.dead_letters, harness.dead_letters
        (ready,) = harness.outputs(ImagesReady)
        made: list[tuple[np.ndarray, np.ndarray] | None] = []
        for one in ready.images:
            if one.image is None or one.mask is None:
                made.append(None)
                continue
            image = pixels_of(await harness.get(one.image))
            made.append((image, pixels_of(await harness.get(one.mask)) > 0))
        return ready, made


@pytest.mark.parametrize(
    "mask",
    [
        {"box": DISC},
        {"colour": "#c81e23"},
        {"words": "the red ball"},
        {"box": DISC, "words": "red"},
    ],
    ids=["box", "colour", "words", "both"],
)
async def test_what_is_meant_is_found_and_taken_away(mask: dict[str, Any]) -> None:
    picture, disc, _ = scene()
    _, (made,) = await run(png(picture), mask=mask | {"grow": 2})
    assert made is not None
    image, found = made
    assert overlap(found, disc) > 0.9
    assert np.array_equal(image[~found], picture[~found])
    # What is left looks like the sand around it.
    assert np.abs(image[disc].mean(axis=0) - [214, 196, 150]).max() < 15


async def test_a_thing_gets_another_colour_and_keeps_its_light_and_shade() -> None:
    picture, disc, square = scene()
    picture[disc, 0] -= (np.arange(disc.sum()) % 40).astype(np.uint8)
    _, (made,) = await run(
        png(picture), mask={"words": "red", "grow": 0}, fill={"kind": "colour", "colour": "#1e3cbe"}
    )
    assert made is not None
    image, _ = made
    assert np.abs(image[disc].mean(axis=0) - BLUE).max() < 30
    assert image[disc].std(axis=0).max() > 5
    assert np.array_equal(image[square], picture[square])


async def test_the_same_request_makes_the_same_bytes() -> None:
    picture, _, _ = scene()
    one, _ = await run(png(picture), mask={"box": DISC})
    other, _ = await run(png(picture), mask={"box": DISC})
    assert one == other


async def test_each_of_three_images_is_answered_for_itself() -> None:
    picture, _, _ = scene()
    empty = np.full_like(picture, 200)
    ready, made = await run(png(picture), b"no picture", png(empty), mask={"words": "blue"})
    assert [one is not None for one in made] == [True, False, False]
    assert ready.images[1].problem is not None and "no picture" in ready.images[1].problem
    assert ready.images[2].problem is not None and "nothing was found" in ready.images[2].problem


@pytest.mark.parametrize(
    ("mask", "fill", "config", "problem"),
    [
        ({"words": "the ball"}, {}, {}, "one colour only"),
        ({"words": "red or blue"}, {}, {}, "one colour only"),
        ({"box": Box(x=999, y=0, width=5, height=5)}, {}, {}, "outside of the image"),
        ({"box": Box(x=0, y=0, width=999, height=999)}, {}, {}, "leave a margin"),
        ({"box": Box(x=0, y=0, width=999, height=999), "entire_box": True}, {}, {}, "too little"),
        ({"words": "red"}, {"kind": "words", "words": "a cat"}, {}, "does not draw"),
        ({"words": "red"}, {}, {"max_pixels": 1000}, "send it smaller"),
    ],
)
async def test_what_cannot_be_done_is_said_with_what_to_do(
    mask: dict[str, Any], fill: dict[str, Any], config: dict[str, Any], problem: str
) -> None:
    picture, _, _ = scene()
    ready, _ = await run(png(picture), mask=mask, fill=fill, config=RestyleConfig(**config))
    assert ready.images[0].image is None
    assert problem in (ready.images[0].problem or "")


async def test_an_engine_that_is_not_there_ends_the_request_and_names_those_that_are() -> None:
    async with StageHarness(restyle) as harness:
        stored = await harness.put(b"x", "image/png")
        await harness.send(
            StyleRequested(
                request_id="r1", images=(stored,), mask=MaskPrompt(words="red"), engine="magic",
                by="user:ann", requested_us=1,
            )
        )  # fmt: skip
        (letter,) = harness.dead_letters
        assert "opencv" in letter.message


def test_a_request_that_says_nothing_or_too_much_is_none() -> None:
    for wrong in ({}, {"colour": "#112233", "words": "red"}, {"words": "red", "entire_box": True}):
        with pytest.raises(ValidationError):
            MaskPrompt(**wrong)
    with pytest.raises(ValidationError):
        Fill(kind="colour")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 120), st.booleans()), min_size=1, max_size=25))
def test_memory_is_never_promised_twice_and_nothing_waits_for_ever(
    jobs: list[tuple[int, bool]],
) -> None:
    async def all_jobs() -> None:
        queue, held, begun = MemoryQueue(100), 0, []

        async def job(number: int, megabytes: int) -> None:
            nonlocal held
            try:
                async with queue.room(megabytes):
                    begun.append(number)
                    held += megabytes
                    assert held <= 100
                    await asyncio.sleep(0)
                    held -= megabytes
            except TooLarge:
                assert megabytes > 100

        tasks = [asyncio.create_task(job(n, megabytes)) for n, (megabytes, _) in enumerate(jobs)]
        await asyncio.sleep(0)
        for task, (_, gone) in zip(tasks, jobs, strict=True):
            if gone and not task.done() and tasks.index(task) not in begun:
                task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 180)
        for task in tasks:
            assert task.cancelled() or task.exception() is None
        assert begun == sorted(begun)
        async with queue.room(100):
            pass

    asyncio.run(all_jobs())
