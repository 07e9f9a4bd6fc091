"""PCA with Hotelling's T² and Q (squared prediction error), joined in one index.

T² measures the departure within the kept components, Q the rest. They are joined as
phi = T² + Q / theta (Yue and Qin, "Reconstruction-based fault identification using a combined
index", 2001), theta the mean variance of a left-out component, which is the Mahalanobis distance
under probabilistic PCA. The square root of phi over its number of dimensions is the score: about 1
for a normal window. Contributions are the complete decomposition of phi (Alcala and Qin 2009): they
sum to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lineal_consumers.retrain.preprocessor import Preprocessor, fit_preprocessor
from lineal_consumers.retrain.settings import TrainingSettings
from lineal_scoring.operating_point import combined_index

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pca:
    """A fitted model."""

    preprocessor: Preprocessor
    root: Array
    """Symmetric; phi of scaled values z is the squared length of z @ root."""
    components: int
    """Kept."""

    def score(self, windows: Array) -> tuple[Array, Array]:
        """Scores (count) and contributions (count × channels), which sum to the score's square.

        The reference for the graph.
        """
        values = self.preprocessor.apply(windows)
        squares = (values.reshape(len(values), -1) @ self.root) ** 2
        scores = np.sqrt(squares.mean(axis=1))
        return scores, squares.reshape(values.shape).sum(axis=1) / squares.shape[1]


def fit_pca(windows: Array, settings: TrainingSettings) -> Pca:
    """Learn from normal windows (count × length × channels).

    Raises:
        ValueError: there are fewer than two windows.
    """
    preprocessor = fit_preprocessor(windows, settings)
    values = preprocessor.apply(windows).reshape(len(windows), -1)
    covariance = values.T @ values / len(values)
    root, kept = combined_index(covariance, settings.shrinkage, settings.explained)
    return Pca(preprocessor=preprocessor, root=root, components=kept)
