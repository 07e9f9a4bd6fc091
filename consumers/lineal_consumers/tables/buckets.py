"""Divides rows by their entities into buckets on disk, and makes features of one at a time.

Memory holds one batch, or one bucket: it does not grow with the number of rows while there are more
buckets.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from lineal_consumers.tables.definition import Definition
from lineal_consumers.tables.features import Examples, Rows, examples_of, features_as_of

_FNV, _OFFSET = np.uint64(1099511628211), np.uint64(14695981039346656037)


class Bucket(NamedTuple):
    """What is made of the entities of a bucket."""

    number: int
    to_learn: Examples
    to_score: Examples


def bucket_of(
    entity: np.ndarray[tuple[int], np.dtype[np.str_]], buckets: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The bucket of each entity: the same in every table and at every time (FNV-1a)."""
    width = max(1, entity.dtype.itemsize // 4)
    letters = np.frombuffer(np.ascontiguousarray(entity).tobytes(), np.uint32).reshape(
        len(entity), width
    )
    state = np.full(len(entity), _OFFSET, np.uint64)
    with np.errstate(over="ignore"):
        for place in range(width):
            letter = letters[:, place].astype(np.uint64)
            # Padding does not count: an entity has one bucket, however long others are.
            state = np.where(letter > 0, (state ^ letter) * _FNV, state)
        state ^= state >> np.uint64(32)
    return (state % np.uint64(buckets)).astype(np.int64)


def bucketed(
    batches: Iterable[Rows], definition: Definition, as_of_us: int, *, to_learn: bool = True
) -> Iterator[Bucket]:
    """Examples of each bucket, one at a time; rows as of a time and later are left out."""
    cutoffs = definition.cutoffs_us(as_of_us) if to_learn else ()
    with TemporaryDirectory(prefix="lineal-table-") as folder:
        spill = _Spill(Path(folder), definition)
        for rows in batches:
            spill.add(rows, as_of_us)
        for number in range(definition.buckets):
            held = spill.rows(number)
            yield Bucket(
                number,
                examples_of(held, definition, cutoffs),
                features_as_of(held, definition, as_of_us),
            )


class _Spill:
    """Rows on disk, a file for each bucket and kind of value."""

    def __init__(self, folder: Path, definition: Definition) -> None:
        self._folder = folder
        self._definition = definition

    def add(self, rows: Rows, as_of_us: int) -> None:
        known = rows.time < as_of_us
        entity, time = rows.entity[known], rows.time[known]
        columns = [rows.columns[name][known] for name in self._definition.columns]
        bucket = bucket_of(entity, self._definition.buckets)
        order = np.argsort(bucket, kind="stable")
        ends = np.searchsorted(bucket[order], np.arange(self._definition.buckets + 1))
        numbers = np.stack([time, *(column.view(np.int64) for column in columns)], axis=1)
        for number in range(self._definition.buckets):
            chosen = order[ends[number] : ends[number + 1]]
            if not len(chosen):
                continue
            with (self._folder / f"{number}.rows").open("ab") as file:
                file.write(np.ascontiguousarray(numbers[chosen]).tobytes())
            with (self._folder / f"{number}.entities").open("ab") as file:
                names = (one.replace("\n", " ") for one in entity[chosen].tolist())
                file.write("".join(f"{one}\n" for one in names).encode())

    def rows(self, number: int) -> Rows:
        names = self._definition.columns
        file = self._folder / f"{number}.rows"
        if not file.exists():
            empty = np.empty(0, np.float64)
            return Rows(np.empty(0, np.str_), np.empty(0, np.int64), dict.fromkeys(names, empty))
        numbers = np.fromfile(file, np.int64).reshape(-1, 1 + len(names))
        entities = (self._folder / f"{number}.entities").read_text().split("\n")[:-1]
        columns = {
            name: np.ascontiguousarray(numbers[:, 1 + place]).view(np.float64)
            for place, name in enumerate(names)
        }
        return Rows(np.array(entities, np.str_), np.ascontiguousarray(numbers[:, 0]), columns)


def to_archive(examples: Examples, definition: Definition) -> bytes:
    """An ``.npz`` whose bytes depend on its content only."""
    arrays = {
        "names": np.array([name.encode() for name in definition.features]),
        "entity": np.array([one.encode() for one in examples.entity.tolist()] or [b""]),
        "count": np.array(len(examples.entity)),
        "cutoff": examples.cutoff,
        "features": examples.features,
        **{f"target_{name}": values for name, values in examples.targets.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()


def read_archive(file: Path) -> tuple[Examples, tuple[str, ...]]:
    """What :func:`to_archive` has written, and the names of the features."""
    with np.load(file, allow_pickle=False) as arrays:
        count = int(arrays["count"])
        entity = np.array([one.decode() for one in arrays["entity"][:count].tolist()], np.str_)
        names = tuple(name.decode() for name in arrays["names"].tolist())
        targets = {
            name.removeprefix("target_"): arrays[name]
            for name in arrays.files
            if name.startswith("target_")
        }
        return Examples(entity, arrays["cutoff"], arrays["features"], targets), names
