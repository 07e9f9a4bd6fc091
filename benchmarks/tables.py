"""Customers of CDNOW (Fader and Hardie 2001): who comes back, and what they spend in 39 weeks.

23,570 customers who first bought in early 1997. Features are of the orders before 1997-09-30, the
truth is of the 39 weeks after. Settings were chosen by cross-validation on buckets 0 to 39, which
are learnt from; buckets 40 to 47 calibrate; the customers in 48 to 63 are scored, of whom neither
settings nor models know anything. The peer, BG/NBD with gamma-gamma as the package lifetimes has
it, is fitted to the orders before 1997-09-30 of all customers. The orders are in its wheel.

The peer counts whole weeks, and takes the one in which an observation ends with all its days: what
comes after the cutoff is taken out before, else it would be told a part of the truth.
"""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import Benchmark, Result
from lineal_consumers.tables.buckets import bucketed, read_archive, to_archive
from lineal_consumers.tables.config import TableModel
from lineal_consumers.tables.definition import Definition, read_definition
from lineal_consumers.tables.learner import TABLE, rank_correlation
from lineal_consumers.tables.scoring import TableScorer
from lineal_consumers.tables.sources import rows_of_file
from lineal_learning.learner import LearningData
from lineal_schemas.models import DatasetItem, DatasetManifest
from lineal_schemas.objects import ObjectRef

_CUTOFF = "1997-09-30"
_DEFINITION = f"""
entity = "customer"
time = "date"
time_format = "%Y%m%d"
cutoffs = ["{_CUTOFF}"]
horizon_days = 273
features.orders = {{ aggregate = "count" }}
features.items = {{ aggregate = "sum", column = "items" }}
features.spent = {{ aggregate = "sum", column = "amount" }}
features.mean_spent = {{ aggregate = "mean", column = "amount" }}
features.max_spent = {{ aggregate = "max", column = "amount" }}
features.last_spent = {{ aggregate = "last", column = "amount" }}
features.quiet = {{ aggregate = "days_since_last" }}
features.age = {{ aggregate = "days_since_first" }}
features.gap = {{ aggregate = "mean_gap_days" }}
features.orders_90 = {{ aggregate = "count", days = 90 }}
features.spent_90 = {{ aggregate = "sum", column = "amount", days = 90 }}
targets.value = {{ aggregate = "sum", column = "amount" }}
targets.churn = {{ aggregate = "none" }}
"""
_AS_OF = int(datetime(1998, 7, 1, tzinfo=UTC).timestamp() * 1e6)
_LEARNT, _CALIBRATED = 40, 48
_ROWS = (1_000_000, 10_000_000)


def orders_file(folder: Path) -> Path | None:
    """The orders as CSV; None where lifetimes is not installed."""
    spec = importlib.util.find_spec("lifetimes")
    if spec is None or spec.origin is None:
        return None
    text = (Path(spec.origin).parent / "datasets" / "CDNOW_master.txt").read_text()
    lines = [",".join(line.split()) for line in text.splitlines()[1:] if line.strip()]
    file = folder / "orders.csv"
    file.write_text("\n".join(["customer,date,items,amount", *lines, ""]))
    return file


def _measure() -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = orders_file(folder)
        if file is None:
            print("  lifetimes is not installed: CDNOW is not measured")
            return []
        return _compare(file, folder)


def _buckets(
    file: Path, folder: Path, declared: Definition
) -> tuple[list[DatasetItem], dict[str, Path]]:
    """The features of the rows, a file for each bucket; and the files by digest."""
    items: list[DatasetItem] = []
    files: dict[str, Path] = {}
    for bucket in bucketed(rows_of_file(file, declared), declared, _AS_OF):
        path = folder / f"{bucket.number}.npz"
        path.write_bytes(to_archive(bucket.to_learn, declared))
        digest = sha256(path.read_bytes()).hexdigest()
        files[digest] = path
        ref = ObjectRef(uri="file:", sha256=digest, bytes=1, media_type="application/x-npz")
        items.append(DatasetItem(digest=digest, source=f"{bucket.number}", time_us=0, ref=ref))
    return items, files


def _compare(file: Path, folder: Path) -> list[Result]:
    declared = read_definition(_DEFINITION.encode())
    items, files = _buckets(file, folder, declared)
    manifest = DatasetManifest(
        model="cdnow",
        kind="table",
        train=tuple(items[:_LEARNT]),
        calibration=tuple(items[_LEARNT:_CALIBRATED]),
        test=tuple(items[_CALIBRATED:]),
    )
    data = LearningData(manifest, files)
    tested = [read_archive(files[item.digest])[0] for item in manifest.test]
    entities = np.concatenate([part.entity for part in tested]).tolist()
    features = np.concatenate([part.features for part in tested])
    truth = {
        name: np.concatenate([part.targets[name] for part in tested]).astype(float)
        for name in declared.targets
    }
    peer = bg_nbd(file, [int(entity) for entity in entities])
    results = []
    for target, settings in (
        ("churn", TableModel(target="churn", task="classification")),
        ("value", TableModel(target="value", task="regression", scale="log")),
    ):
        scorer = TableScorer(TABLE.export(TABLE.fit(data, settings, "table")))
        ours = _figures(scorer.values(features, tuple(declared.features)), truth[target])
        theirs = _figures(peer[target], truth[target])
        print(
            f"  {target}, {len(entities)} customers: mean absolute error {ours[0]:.4g} "
            f"(BG/NBD {theirs[0]:.4g}), rank correlation {ours[1]:.4f} ({theirs[1]:.4f})"
        )
        held = scorer.coverage(features, truth[target], 0.9)
        assert held is not None
        results.append(
            Result(
                name=f"quality.cdnow.{target}_coverage_90", value=held,
                unit="of outcomes in 90 % intervals", goal=">= 0.88",
            )
        )  # fmt: skip
        for figure, own, other, goal in (
            ("mean_absolute_error", ours[0], theirs[0], "ratio < 1"),
            ("rank_correlation", ours[1], theirs[1], "ratio > 1"),
        ):
            results.append(
                Result(
                    name=f"quality.cdnow.{target}_{figure}",
                    value=own,
                    unit="",
                    goal=goal,
                    peer="BG/NBD with gamma-gamma",
                    peer_value=other,
                    ratio=own / other,
                )
            )
    return results


def _figures(values: Any, truth: Any) -> tuple[float, float]:
    return float(np.abs(values - truth).mean()), rank_correlation(values, truth)


def bg_nbd(file: Path, customers: Sequence[int]) -> dict[str, Any]:
    """For each customer the probability of no order in 39 weeks, and what is spent in them, by the
    orders before the cutoff."""
    import pandas as pd
    from lifetimes import BetaGeoFitter, GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data

    orders = pd.read_csv(file, dtype={"date": str})
    orders["date"] = pd.to_datetime(orders["date"], format="%Y%m%d")
    summary = summary_data_from_transaction_data(
        orders[orders["date"] < _CUTOFF], "customer", "date", monetary_value_col="amount",
        observation_period_end=_CUTOFF, freq="W",
    )  # fmt: skip
    counts = summary.frequency, summary.recency, summary["T"]
    buying = BetaGeoFitter().fit(*counts)
    paid = summary[(summary.frequency > 0) & (summary.monetary_value > 0)]
    paying = GammaGammaFitter().fit(paid.frequency, paid.monetary_value)
    expected = buying.conditional_expected_number_of_purchases_up_to_time(39, *counts)
    amount = paying.conditional_expected_average_profit(summary.frequency, summary.monetary_value)
    chosen = expected.loc[list(customers)].to_numpy()
    return {
        # A customer's orders are about Poisson's, given how many are expected.
        "churn": np.exp(-chosen),
        "value": chosen * amount.loc[list(customers)].to_numpy(),
    }


_SCALE = """
import resource, sys, time
from pathlib import Path
from benchmarks.tables import scale
print(*scale(Path(sys.argv[1]), int(sys.argv[2])))
"""


def scale(folder: Path, rows: int) -> tuple[float, float]:
    """Features and scores of so many rows; seconds, and MiB of memory at most."""
    import time

    from lineal_consumers.tables.buckets import bucketed
    from lineal_consumers.tables.scoring import score_bucket

    declared = read_definition(
        (_DEFINITION.replace('time_format = "%Y%m%d"\n', "") + "\n").encode()
    ).model_copy(update={"cutoffs": (), "buckets": 256})
    begun = time.monotonic()
    held = folder / "bucket.npz"
    scored = 0
    for bucket in bucketed(
        rows_of_file(folder / f"{rows}.parquet", declared), declared, 400 * 86_400_000_000,
        to_learn=False,
    ):  # fmt: skip
        held.write_bytes(to_archive(bucket.to_score, declared))
        scored += score_bucket(held, str(folder / "model.onnx"), 0, 0).rows
    seconds = time.monotonic() - begun
    assert scored
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _write_rows(file: Path, rows: int) -> None:
    """Rows of a tenth as many customers, in no order, written in parts."""
    import pyarrow as pa
    from pyarrow import parquet

    chance = np.random.default_rng(0)
    schema = pa.schema([("customer", pa.string()), ("date", pa.int64()), ("items", pa.float64()),
                        ("amount", pa.float64())])  # fmt: skip
    with parquet.ParquetWriter(file, schema) as writer:
        for begin in range(0, rows, 500_000):
            count = min(500_000, rows - begin)
            numbers = chance.integers(0, rows // 10, count)
            columns = [
                pa.array([f"c{number}" for number in numbers.tolist()]),
                pa.array(chance.integers(0, 400 * 86_400, count) * 1_000_000),
                pa.array(chance.integers(1, 5, count).astype(float)),
                pa.array(chance.gamma(2.0, 15.0, count)),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _measure_rows() -> Sequence[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = orders_file(folder)
        if file is None:
            print("  lifetimes is not installed: there is no model to score rows with")
            return []
        (folder / "model.onnx").write_bytes(_model(file, folder))
        found = []
        for rows in _ROWS:
            _write_rows(folder / f"{rows}.parquet", rows)
            done = subprocess.run(
                [sys.executable, "-c", _SCALE, str(folder), str(rows)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            seconds, memory = map(float, done.stdout.split())
            print(f"  {rows} rows: {seconds:.1f} s, {memory:.0f} MiB at most")
            found.append((rows / seconds, memory))
    (_, small), (rate, large) = found
    return [
        Result(name="tables.rows", value=rate, unit="rows/s", goal="exists"),
        Result(
            name="tables.memory",
            value=large,
            unit="MiB at 10 million rows",
            goal="ratio <= 1.25",
            peer="at 1 million rows",
            peer_value=small,
            ratio=large / small,
        ),
    ]


def _model(file: Path, folder: Path) -> bytes:
    declared = read_definition(_DEFINITION.encode())
    items, files = _buckets(file, folder, declared)
    manifest = DatasetManifest(
        model="cdnow", kind="table", train=tuple(items[:40]), calibration=tuple(items[40:]), test=()
    )
    settings = TableModel(target="churn", task="classification")
    return TABLE.export(TABLE.fit(LearningData(manifest, files), settings, "table"))


BENCHMARKS = (
    Benchmark(
        tuple(
            f"quality.cdnow.{target}_{figure}"
            for target in ("churn", "value")
            for figure in ("coverage_90", "mean_absolute_error", "rank_correlation")
        ),
        _measure,
        timed=False,
    ),
    Benchmark(("tables.rows", "tables.memory"), _measure_rows, limit_s=300),
)
