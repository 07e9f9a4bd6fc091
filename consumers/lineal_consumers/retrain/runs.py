"""Loads the batches of a manifest as arrays: runs of consecutive readings."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from lineal.errors import LinealError
from lineal_schemas.models import DatasetItem

Array = npt.NDArray[np.float64]


class DatasetDamaged(LinealError):
    """A batch the manifest names is not in the block it names."""


class _Batch(NamedTuple):
    first: int
    values: Array


def runs_of(
    items: Sequence[DatasetItem], blocks: Mapping[str, Path], features: Sequence[str]
) -> list[Array]:
    """The readings of some items, each run consecutive readings of one device and boot.

    Args:
        items: of the manifest.
        blocks: by digest, the files of the collected blocks.
        features: the columns wanted; NaN where a device does not have one.

    Raises:
        DatasetDamaged: a batch is missing, or its bytes are not those of its digest.
    """
    wanted: dict[str, dict[str, DatasetItem]] = {}
    for item in items:
        assert item.ref is not None
        wanted.setdefault(item.ref.sha256, {})[item.digest] = item
    found: dict[tuple[str, str], list[_Batch]] = {}
    for block, of_block in wanted.items():
        missing = set(of_block)
        for line in gzip.decompress(blocks[block].read_bytes()).splitlines():
            known = of_block.get(sha256(line).hexdigest())
            if known is None:
                continue
            missing.discard(known.digest)
            batch = orjson.loads(line)
            values = _columns(batch["values"], batch["features"], features)
            key = batch["device"], batch["boot_id"]
            found.setdefault(key, []).append(_Batch(batch["first_seq"], values))
        if missing:
            raise DatasetDamaged(f"block {block} lacks {len(missing)} of its batches")
    return [run for key in sorted(found) for run in _join(found[key])]


def _columns(rows: list[list[float | None]], names: list[str], wanted: Sequence[str]) -> Array:
    values = np.array(rows, dtype=np.float64)
    if names == list(wanted):
        return values
    columns = np.full((len(values), len(wanted)), np.nan)
    for place, name in enumerate(wanted):
        if name in names:
            columns[:, place] = values[:, names.index(name)]
    return columns


def _join(batches: list[_Batch]) -> list[Array]:
    runs: list[list[Array]] = []
    expected = -1
    for batch in sorted(batches, key=lambda batch: batch.first):
        if batch.first != expected:
            runs.append([])
        runs[-1].append(batch.values)
        expected = batch.first + len(batch.values)
    return [np.concatenate(run) for run in runs]
