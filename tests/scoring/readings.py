"""Made-up readings of three correlated sensors and an angle, and models trained on them."""

from __future__ import annotations

from functools import cache

import numpy as np

from lineal_consumers.retrain.settings import TrainingSettings
from lineal_consumers.retrain.training import TrainedModel, train
from lineal_scoring.alarm import AlarmRules

FEATURES = ("rps", "voltage", "temperature", "yaw")


def normal(rows: int, seed: int) -> np.ndarray:
    """Voltage follows the rotor, the temperature wanders, the yaw goes round."""
    random = np.random.default_rng(seed)
    rps = 1.6 + 0.05 * np.sin(np.arange(rows) / 40 + seed) + 0.05 * random.standard_normal(rows)
    voltage = 30 * rps + 0.5 * random.standard_normal(rows)
    temperature = 20 + np.cumsum(0.01 * random.standard_normal(rows))
    yaw = np.mod(np.arange(rows) / 300 + 0.02 * random.standard_normal(rows), 2 * np.pi)
    return np.stack([rps, voltage, temperature, yaw], axis=1)


def settings(**changes: object) -> TrainingSettings:
    fields: dict[str, object] = {
        "features": FEATURES,
        "angles": ("yaw",),
        "length": 40,
        "step": 5,
        "denoise_span": 8,
        "baseline_span": 200,
        "spread": True,
        "false_alarm_rate": 0.01,
        "epochs": 8,
        "alarm": AlarmRules(close_after=2, close_ratio=0.9),
    }
    return TrainingSettings(**{**fields, **changes})  # type: ignore[arg-type]


@cache
def trained(algorithm: str = "pca", baseline: bool = True, seed: int = 0) -> TrainedModel:
    wanted = settings(algorithm=algorithm, baseline_span=200 if baseline else None, seed=seed)
    return train(wanted, [normal(2000, 1), normal(1500, 2)], [normal(1500, 3)])
