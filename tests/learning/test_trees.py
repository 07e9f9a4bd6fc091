"""Trees as an ONNX graph compute what LightGBM computes."""

from __future__ import annotations

import warnings

import numpy as np

from lineal_learning.lightgbm_trees import load_lightgbm
from lineal_learning.onnx_file import open_session
from lineal_learning.trees import to_onnx


def test_where_only_what_is_missing_goes_another_way_nothing_overflows() -> None:
    lightgbm = load_lightgbm()
    chance = np.random.default_rng(0)
    # All that there is goes one way: LightGBM writes the threshold 1e300.
    features = np.where(chance.random((400, 2)) < 0.5, np.nan, 0.0).astype(np.float32)
    truth = np.isnan(features[:, 0]).astype(float)
    rows = lightgbm.Dataset(features, truth)
    given = {"objective": "binary", "verbosity": -1, "num_leaves": 4, "seed": 0, "num_threads": 1}
    booster = lightgbm.train(given, rows, num_boost_round=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = to_onnx(
            booster, task="classification", scale="none", slope=1.0, shift=0.0, metadata={}
        )
    (found,) = open_session(model).run(["value"], {"features": features})
    assert np.allclose(found[:, 0], booster.predict(features), atol=1e-6)
    assert found[truth > 0, 0].min() > found[truth == 0, 0].max()
