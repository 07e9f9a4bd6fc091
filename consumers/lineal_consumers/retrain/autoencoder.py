"""A dense autoencoder; its reconstruction error is the score.

The score is the root mean square of the rebuilding errors, each over its own root mean square in
training, so a channel that is hard to rebuild does not drown the others: about 1 for a normal
window.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lineal_consumers.retrain.preprocessor import Preprocessor, fit_preprocessor
from lineal_consumers.retrain.settings import TrainingSettings

Array = npt.NDArray[np.float64]
_BATCH = 128
_LIMIT = 10.0
"""Scaled values are cut off here before the network: beyond, a rectifier would extrapolate. What is
cut off still counts as error."""


@dataclass(frozen=True)
class Autoencoder:
    """A fitted model: rectified linear layers, the last one linear."""

    preprocessor: Preprocessor
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    error_scale: Array
    """Per scaled value, the root mean square of its error in training."""

    def score(self, windows: Array) -> tuple[Array, Array]:
        """Scores (count) and contributions (count × channels), which sum to the score's square.

        The reference for the graph.
        """
        values = self.preprocessor.apply(windows)
        flat = values.reshape(len(values), -1)
        squares = ((flat - self._rebuilt(flat)) / self.error_scale) ** 2
        scores = np.sqrt(squares.mean(axis=1))
        return scores, squares.reshape(values.shape).sum(axis=1) / squares.shape[1]

    def _rebuilt(self, flat: Array) -> Array:
        layer = np.clip(flat, -_LIMIT, _LIMIT)
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            layer = layer @ weight + bias
            if number < last:
                layer = np.maximum(layer, 0.0)
        return layer

    @property
    def limit(self) -> float:
        return _LIMIT


def fit_autoencoder(windows: Array, settings: TrainingSettings) -> Autoencoder:
    """Learn from normal windows (count × length × channels).

    Raises:
        ValueError: there are fewer than two windows.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    preprocessor = fit_preprocessor(windows, settings)
    flat = preprocessor.apply(windows).reshape(len(windows), -1)
    cut = np.clip(flat, -_LIMIT, _LIMIT)
    network = MLPRegressor(
        hidden_layer_sizes=settings.hidden,
        activation="relu",
        solver="adam",
        alpha=1e-4,
        batch_size=min(_BATCH, len(cut)),
        learning_rate_init=2e-3,
        max_iter=settings.epochs,
        shuffle=True,
        random_state=settings.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are the setting
        network.fit(cut, cut)
    fitted = Autoencoder(
        preprocessor=preprocessor,
        weights=tuple(np.asarray(weight) for weight in network.coefs_),
        biases=tuple(np.asarray(bias) for bias in network.intercepts_),
        error_scale=np.ones(flat.shape[1]),
    )
    errors = np.sqrt(((flat - fitted._rebuilt(flat)) ** 2).mean(axis=0))
    return Autoencoder(
        preprocessor=preprocessor,
        weights=fitted.weights,
        biases=fitted.biases,
        error_scale=np.maximum(errors, 0.05),
    )
