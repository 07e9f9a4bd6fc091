"""A photo that was saved again is the same one; another shot of the same thing is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lineal_consumers.photos.copies import first_of_each
from lineal_consumers.photos.image import Pixels, decode_photo
from lineal_consumers.photos.learner import PHOTOS

SHOTS = 24


def shot(number: int) -> Pixels:
    """A ring as a camera sees it that is moved a little each time, with noise."""
    chance = np.random.default_rng(number)
    drawn = np.full((240, 320, 3), 50, np.float32)
    middle = tuple(int(16 * (place + chance.uniform(-4, 4))) for place in (160, 120))
    cv2.circle(drawn, middle, 90 * 16, (170, 160, 150), -1, cv2.LINE_AA, 4)
    cv2.circle(drawn, middle, 40 * 16, (60, 60, 60), -1, cv2.LINE_AA, 4)
    return np.clip(drawn + chance.normal(0, 4, drawn.shape), 0, 255).astype(np.uint8)


def jpeg(photo: Pixels, quality: int) -> Pixels:
    saved = cv2.imencode(".jpg", photo[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return decode_photo(saved.tobytes())


def resized(photo: Pixels, factor: float) -> Pixels:
    made: Any = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return jpeg(made, 90)


def grey(photo: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


@pytest.mark.parametrize(
    "save",
    [
        lambda photo: jpeg(photo, 30),
        lambda photo: resized(photo, 0.5),
        lambda photo: resized(photo, 2),
        lambda photo: np.asarray(cv2.convertScaleAbs(photo, alpha=0.9, beta=6)),
        grey,
    ],
    ids=["compressed", "smaller", "larger", "other light", "grey"],
)
def test_a_photo_that_was_saved_again_is_found(save: Callable[[Pixels], Pixels]) -> None:
    photos = [shot(number) for number in range(SHOTS)]
    assert first_of_each([*photos, save(photos[3])]) == [*range(SHOTS), 3]


def test_shots_of_what_has_hardly_anything_on_it_are_each_their_own() -> None:
    chance = np.random.default_rng(0)
    sheets = [np.clip(chance.normal(128, 4, (256, 256, 3)), 0, 255).astype(np.uint8)
              for _ in range(SHOTS)]  # fmt: skip
    assert first_of_each([*sheets, jpeg(sheets[3], 95)]) == [*range(SHOTS), 3]


def test_nothing_on_a_photo_is_not_everything() -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    assert first_of_each([shot(1), black, black]) == [0, 1, 1]


def test_copies_have_the_fingerprint_of_the_first(tmp_path: Path) -> None:
    photos = [*map(shot, range(SHOTS)), resized(shot(1), 0.5)]
    files = [tmp_path / f"{number}.png" for number in range(len(photos))]
    for file, photo in zip(files, photos, strict=True):
        cv2.imwrite(str(file), photo[:, :, ::-1])
    marks = PHOTOS.fingerprints(files, PHOTOS.settings())
    assert len(set(marks)) == SHOTS and marks[-1] == marks[1]
    assert PHOTOS.fingerprints([], PHOTOS.settings()) == []
