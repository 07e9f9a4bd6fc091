"""Learns a target of a table with gradient-boosted trees (LightGBM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lineal import Reject
from lineal_consumers.tables.calibration import fit_calibration
from lineal_consumers.tables.config import TableModel
from lineal_learning.gates import GateRule, Gates
from lineal_learning.golden import GoldenInputs
from lineal_learning.leaks import Leak
from lineal_learning.learner import Fitted, Learner, LearningData
from lineal_schemas.models import DatasetItem, Metrics, SplitRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from lineal_consumers.tables.uncertainty import Uncertainty

    Floats = npt.NDArray[np.float64]

_MIN_ROWS = 40
_GOLDEN_ROWS = 200


class _Data(NamedTuple):
    features: Any
    truth: Floats
    names: tuple[str, ...]


class _Learnt(NamedTuple):
    booster: Any
    slope: float
    shift: float
    names: tuple[str, ...]
    settings: TableModel
    uncertainty: Uncertainty


class TableLearner(Learner[TableModel]):
    """Predicts a target of an entity from its features: ``kind = "table"``."""

    kind = "table"
    settings = TableModel
    libraries = ("lightgbm", "numpy", "onnx", "onnxruntime", "pyarrow", "scipy")
    code = ("lineal_consumers.tables", "lineal_learning")

    def min_new_rows(self, settings: TableModel) -> int:
        return settings.min_new_rows

    def split(self, settings: TableModel) -> SplitRule:
        return SplitRule(
            by="group",
            test_share=settings.test_share,
            calibration_share=settings.calibration_share,
            seed=settings.seed,
        )

    def features(self, settings: TableModel) -> None:
        """Their names are in the model's file: the definition that rows came with declares them."""
        return

    def leaks(self, data: LearningData, settings: TableModel) -> list[Leak]:
        """A feature that alone orders the truth nearly perfectly, by its values or by where it has
        any, is the answer itself, written down afterwards; and entities that are in two parts,
        under other names."""
        import numpy as np

        from lineal_consumers.tables.copies import count_copies

        held = _read(data, data.manifest.train, settings)
        found = []
        for place, name in enumerate(held.names):
            values = held.features[:, place].astype(np.float64)
            there = (~np.isnan(values)).astype(np.float64)
            # What only some have, whatever its value: a reason for leaving, a date of death.
            orders = (_order(known, held.truth, settings) for known in (values, there))
            if max(map(abs, orders)) >= settings.max_single_feature:
                found.append(Leak("the answer in them", "the rows", f"the feature {name}"))
        # The test part is not read by who trains; names fall into the parts by chance alike.
        others = _read(data, data.manifest.calibration, settings)
        if len(held.truth) and len(others.truth) and others.names == held.names:
            copies = count_copies(
                *(np.column_stack([rows.features, rows.truth]) for rows in (held, others))
            )
            if copies > settings.max_copies:
                what = "all values alike: copies under other names (max_copies)"
                found.append(Leak(what, f"{copies} entities", "ones that are learnt from"))
        return found

    def fit(self, data: LearningData, settings: TableModel, algorithm: str) -> Fitted:
        import numpy as np

        from lineal_consumers.tables.uncertainty import measure
        from lineal_learning.lightgbm_trees import load_lightgbm, tree_parameters

        lightgbm = load_lightgbm()

        known = _read(data, data.manifest.train, settings)
        held_out = _read(data, data.manifest.calibration, settings)
        if min(len(known.truth), len(held_out.truth)) < _MIN_ROWS:
            raise Reject(
                f"at least {_MIN_ROWS} rows each are needed to learn from and to calibrate"
            )
        if settings.task == "classification" and len(set(known.truth.tolist())) != 2:
            raise Reject("the target of a classification has two values")
        objective: Literal["binary", "regression"] = (
            "binary" if settings.task == "classification" else "regression"
        )
        parameters = tree_parameters(settings, objective, 0.5)
        rows = lightgbm.Dataset(
            known.features, _scaled(known.truth, settings), feature_name=list(known.names),
            free_raw_data=True,
        )  # fmt: skip
        booster = lightgbm.train(parameters, rows, num_boost_round=settings.rounds)
        scores = np.asarray(booster.predict(held_out.features, raw_score=True))
        slope, shift = fit_calibration(scores, held_out.truth, settings)
        uncertainty = measure(
            settings.task, settings.scale, known.features,
            np.asarray(booster.predict(known.features, raw_score=True)),
            scores, _scaled(held_out.truth, settings), settings.seed,
        )  # fmt: skip
        return Fitted(
            model=_Learnt(booster, slope, shift, known.names, settings, uncertainty),
            algorithm=f"lightgbm-{settings.task}",
            metrics={
                "rows": float(len(known.truth)),
                "calibration_rows": float(len(held_out.truth)),
            },
            parameters={"target": settings.target, "rounds": settings.rounds},
        )

    def export(self, fitted: Fitted) -> bytes:
        from lineal_learning.trees import to_onnx

        learnt: _Learnt = fitted.model
        return to_onnx(
            learnt.booster,
            task=learnt.settings.task,
            scale=learnt.settings.scale,
            slope=learnt.slope,
            shift=learnt.shift,
            metadata={
                "kind": "table",
                "target": learnt.settings.target,
                "task": learnt.settings.task,
                "features": list(learnt.names),
                # What reasons are computed with: the same trees, as LightGBM writes them.
                "lightgbm": learnt.booster.model_to_string(),
                "uncertainty": learnt.uncertainty.model_dump(),
            },
        )

    def evaluate(self, model: bytes, data: LearningData, settings: TableModel) -> Metrics:
        """Of a classification ``auroc``, ``log_loss`` and ``calibration_error``; of a regression
        ``mean_absolute_error``, ``rank_correlation`` and ``bias`` (predicted over true total); of
        both ``coverage_90``, the share of outcomes that 90 % intervals hold."""
        import numpy as np

        from lineal_consumers.tables.scoring import TableScorer

        held = _read(data, data.manifest.test, settings)
        if not len(held.truth):
            raise Reject("there are no test rows to evaluate on")
        scorer = TableScorer(model)
        values = scorer.values(held.features, held.names)
        rows = {"rows": float(len(held.truth))}
        if (share := scorer.coverage(held.features, held.truth, 0.9)) is not None:
            rows["coverage_90"] = share
        if settings.task == "regression":
            total = float(held.truth.sum())
            return rows | {
                "mean_absolute_error": float(np.abs(values - held.truth).mean()),
                "rank_correlation": rank_correlation(values, held.truth),
                "bias": float(values.sum()) / total if total else 1.0,
            }
        sure = np.clip(values, 1e-6, 1 - 1e-6)
        losses = held.truth * np.log(sure) + (1 - held.truth) * np.log(1 - sure)
        return rows | {
            "auroc": (_order(values, held.truth, settings) + 1) / 2,
            "log_loss": float(-losses.mean()),
            "calibration_error": calibration_error(values, held.truth),
        }

    def golden(self, model: bytes, data: LearningData, settings: TableModel) -> GoldenInputs:
        """Entities of the test part, evenly over it."""
        import numpy as np

        held = _read(data, data.manifest.test, settings)
        count = len(held.truth)
        places = np.unique(np.linspace(0, count - 1, min(count, _GOLDEN_ROWS)).astype(int))
        return GoldenInputs(
            inputs={"features": held.features[places]},
            truth=held.truth[places],
            measure="probability" if settings.task == "classification" else "amount",
            output="value",
        )

    def gates(self, settings: TableModel) -> Gates:
        if settings.task == "regression":
            rank, error = "rank_correlation", "mean_absolute_error"
            return Gates(
                rules=(
                    GateRule(metric=rank, limit=settings.min_rank_correlation),
                    GateRule(metric=error, rule="at_most", tolerance=settings.tolerance),
                ),
                score={error: -1.0},
            )
        return Gates(
            rules=(
                GateRule(metric="auroc", limit=settings.min_auroc),
                GateRule(metric="log_loss", rule="at_most", tolerance=settings.tolerance),
            ),
            score={"log_loss": -1.0},
        )


def _read(data: LearningData, items: Sequence[DatasetItem], settings: TableModel) -> _Data:
    """The rows of some buckets.

    Raises:
        Reject: the definition declares no such target, or other features than before.
    """
    import numpy as np

    from lineal_consumers.tables.buckets import read_archive

    features, truths, names = [], [], None
    for item in items:
        examples, declared = read_archive(data.file_of(item))
        if settings.target not in examples.targets:
            raise Reject(f"the definition declares no target {settings.target!r}")
        if names is not None and declared != names:
            raise Reject("buckets have different features: have all rows arrive again")
        names = declared
        features.append(examples.features)
        truths.append(examples.targets[settings.target].astype(np.float64))
    if not features:
        return _Data(np.empty((0, 0), np.float32), np.empty(0), ())
    return _Data(np.concatenate(features), np.concatenate(truths), names or ())


def _scaled(truth: Floats, settings: TableModel) -> Floats:
    import numpy as np

    return np.log1p(np.maximum(truth, 0)) if settings.scale == "log" else truth


def _order(values: Floats, truth: Floats, settings: TableModel) -> float:
    """How well values order the truth, -1 to 1: Spearman's, or twice the AUROC less one."""
    import numpy as np

    there = ~np.isnan(values)
    values, truth = values[there], truth[there]
    if settings.task == "regression":
        return rank_correlation(values, truth)
    from scipy.stats import rankdata

    positive = truth > 0.5
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return 0.0
    ranks = rankdata(values)[positive].sum()
    return float(2 * (ranks - many * (many + 1) / 2) / (many * few) - 1)


def rank_correlation(values: Floats, truth: Floats) -> float:
    """Spearman's; 0 where one of them is constant."""
    import numpy as np
    from scipy.stats import rankdata

    if len(values) < 2 or np.ptp(values) == 0 or np.ptp(truth) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(values), rankdata(truth))[0, 1])


def calibration_error(values: Floats, truth: Floats) -> float:
    """The mean distance of predicted from true shares, in ten parts of equal size."""
    import numpy as np

    parts = np.array_split(np.argsort(values, kind="stable"), 10)
    distances = [
        abs(values[part].mean() - truth[part].mean()) * len(part) for part in parts if len(part)
    ]
    return float(sum(distances) / len(values))


TABLE = TableLearner()
