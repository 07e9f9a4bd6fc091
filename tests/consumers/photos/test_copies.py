"""A photo that was saved again, or a part of it, is the same one; another shot is not."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lineal_consumers.photos.copies import first_of_each
from lineal_consumers.photos.image import Pixels, decode_photo
from lineal_consumers.photos.learner import PHOTOS
from lineal_learning.leaks import LeakFound, check_leaks
from lineal_learning.splits import Candidate, dataset_of
from lineal_schemas.models import DatasetItem

SHOTS = 12


def shot(number: int) -> Pixels:
    """A ring as a camera sees it that is moved a little each time, with noise."""
    chance = np.random.default_rng(number)
    drawn = np.full((240, 320, 3), 50, np.float32)
    middle = tuple(int(16 * (place + chance.uniform(-4, 4))) for place in (160, 120))
    cv2.circle(drawn, middle, 90 * 16, (170, 160, 150), -1, cv2.LINE_AA, 4)
    cv2.circle(drawn, middle, 40 * 16, (60, 60, 60), -1, cv2.LINE_AA, 4)
    return np.clip(drawn + chance.normal(0, 4, drawn.shape), 0, 255).astype(np.uint8)


def board(number: int) -> Pixels:
    """A board with parts on it, each board with others."""
    chance = np.random.default_rng(number)
    drawn = np.full((240, 320, 3), 60, np.float32)
    for _ in range(60):
        corner = chance.integers(0, (310, 230))
        size = chance.integers(6, 50, 2)
        shade = tuple(map(float, chance.uniform(20, 230, 3)))
        cv2.rectangle(drawn, corner.tolist(), (corner + size).tolist(), shade, -1)
    return np.clip(drawn + chance.normal(0, 3, drawn.shape), 0, 255).astype(np.uint8)


def cropped(photo: Pixels, share: float) -> Pixels:
    rows, columns = (int(share * pixels) for pixels in photo.shape[:2])
    top, left = photo.shape[0] - rows, (photo.shape[1] - columns) // 3
    return photo[top : top + rows, left : left + columns]


def turned(photo: Pixels, degrees: float) -> Pixels:
    rows, columns = photo.shape[:2]
    about = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    made: Any = cv2.warpAffine(photo, about, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made)


def overexposed(photo: Pixels) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(photo, alpha=1.3, beta=20))


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


@pytest.mark.parametrize("make", [shot, board])
@pytest.mark.parametrize(
    "orient",
    [
        lambda photo: photo[:, ::-1],
        lambda photo: np.rot90(photo),
        lambda photo: np.rot90(photo[:, ::-1], 3),
        lambda photo: overexposed(np.rot90(photo, 2)),
    ],
    ids=["mirrored", "turned", "both", "turned and lightened"],
)
def test_a_photo_that_was_mirrored_or_turned_is_found(
    make: Callable[[int], Pixels], orient: Callable[[Pixels], Pixels]
) -> None:
    photos = [make(number) for number in range(SHOTS)]
    assert first_of_each([*photos, jpeg(orient(photos[3]), 80)]) == [*range(SHOTS), 3]


@pytest.mark.parametrize(
    "change",
    [
        lambda photo: cropped(photo, 0.9),
        lambda photo: cropped(photo, 0.7),
        lambda photo: turned(photo, 7),
        lambda photo: resized(overexposed(cropped(photo, 0.8)[:, ::-1]), 0.6),
        lambda photo: np.rot90(overexposed(cropped(photo, 0.8))[::-1]),
    ],
    ids=["a little cropped", "cropped", "turned a little", "mirrored and lightened", "all"],
)
def test_a_part_of_a_photo_is_found(change: Callable[[Pixels], Pixels]) -> None:
    photos = [board(number) for number in range(SHOTS)]
    assert first_of_each([*photos, jpeg(change(photos[3]), 80)]) == [*range(SHOTS), 3]
    # whichever comes first
    assert first_of_each([jpeg(change(photos[3]), 80), *photos])[4] == 0


def test_boards_of_one_kind_are_each_their_own() -> None:
    """The same parts, of which one is elsewhere on each."""
    chance, boards = np.random.default_rng(1), []
    for number in range(SHOTS):
        photo = board(1)
        photo[20 + 15 * number : 50 + 15 * number, 100:140] = 240
        boards.append(np.clip(photo + chance.normal(0, 3, photo.shape), 0, 255).astype(np.uint8))
    assert first_of_each(boards) == [*range(SHOTS)]


def test_a_copy_is_never_tested_on_where_the_photo_is_learnt_from(tmp_path: Path) -> None:
    photos = [board(number) for number in range(SHOTS)]
    planted = [jpeg(change(photo), 85) for photo in photos for change in (
        lambda photo: photo[:, ::-1], lambda photo: cropped(photo, 0.8), overexposed)]  # fmt: skip
    files = [tmp_path / f"{number}.png" for number in range(4 * SHOTS)]
    for file, photo in zip(files, [*photos, *planted], strict=True):
        cv2.imwrite(str(file), photo[:, :, ::-1])
    marks = PHOTOS.fingerprints(files, PHOTOS.settings())
    items = [
        DatasetItem(
            digest=sha256(file.read_bytes()).hexdigest(), source=file.name, time_us=number,
            rows=1, label="normal", fingerprint=mark,
        )
        for number, (file, mark) in enumerate(zip(files, marks, strict=True))
    ]  # fmt: skip
    rule = PHOTOS.split(PHOTOS.settings())
    manifest = dataset_of("photos", "photos", map(Candidate, items), rule, None).manifest
    test = {item.source for item in manifest.test}
    for number in range(SHOTS):
        group = {f"{number}.png", *(f"{SHOTS + 3 * number + each}.png" for each in range(3))}
        assert group <= test or not group & test
    assert test and manifest.train
    leaking = manifest.model_copy(update={"test": (*manifest.test, manifest.train[0])})
    with pytest.raises(LeakFound, match="the same bytes"):
        check_leaks(leaking)


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
