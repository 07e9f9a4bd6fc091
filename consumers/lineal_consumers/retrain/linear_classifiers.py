"""Linear classifiers of documents: naive Bayes, ridge and logistic regression, support vectors.

All of them see rows of length 1 of a sparse matrix of documents by terms, of which there are far
more terms than documents. Ridge and logistic regression are therefore solved for the documents: the
solution lies in their span (the representer theorem, Schölkopf et al. 2001).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

Learner = Literal["complement_naive_bayes", "logistic", "ridge", "svm"]
LEARNERS: tuple[Learner, ...] = ("complement_naive_bayes", "logistic", "ridge", "svm")
_MAX_KERNEL = 6_000
"""Documents: time and memory of their kernel grow with their third and second power."""
_MAX_LOGISTIC = 2_500_000_000
"""Documents squared times classes: a regression of more takes minutes."""
_MAX_PRIMAL = 3_000_000
"""Terms times classes, of the regression that is solved for the terms."""
_JITTER = 1e-6
"""On the kernel's diagonal: two documents may be the same."""
_TOLERANCE = 1e-6


class Linear(NamedTuple):
    """Class scores of a document are ``features @ weights + bias``."""

    weights: Array
    bias: Array


class Strengths(NamedTuple):
    """What each learner is given beside the documents."""

    smoothing: float = 0.3
    """Of naive Bayes."""
    regularization: float = 10.0
    """Inverse strength, of logistic regression and support vectors (scikit-learn's C)."""
    ridge: float = 1.0
    """Strength, of the ridge regression."""
    iterations: int = 300
    seed: int = 0


def affordable(shape: tuple[int, int], classes: int) -> tuple[Learner, ...]:
    """Those that take no more than minutes with so many documents, terms and classes."""
    documents, terms = shape
    costly: set[Learner] = set()
    if not _in_documents(documents, classes) and terms * classes > _MAX_PRIMAL:
        costly.add("logistic")
    else:  # better, and support vectors are for where it is not affordable
        costly.add("svm")
    if documents > _MAX_KERNEL:
        costly.add("ridge")
    return tuple(name for name in LEARNERS if name not in costly)


def fit(learner: Learner, matrix: Any, wanted: Indices, strengths: Strengths) -> Linear:
    """Learn the classes of rows.

    Args:
        wanted: the number of the class of each, from 0 on without a gap.
    """
    if learner == "ridge":
        return _ridge(matrix, wanted, strengths.ridge)
    if learner == "complement_naive_bayes":
        return _naive_bayes(matrix, wanted, strengths)
    if learner == "svm":
        return _support_vectors(matrix, wanted, strengths)
    if _in_documents(matrix.shape[0], int(wanted.max()) + 1):
        return _logistic_in_documents(matrix, wanted, strengths)
    return _logistic_in_terms(matrix, wanted, strengths)


def _in_documents(documents: int, classes: int) -> bool:
    return documents <= _MAX_KERNEL and documents**2 * classes <= _MAX_LOGISTIC


def _naive_bayes(matrix: Any, wanted: Indices, strengths: Strengths) -> Linear:
    from sklearn.naive_bayes import ComplementNB

    bayes = ComplementNB(alpha=strengths.smoothing).fit(matrix, wanted)
    weights = np.asarray(bayes.feature_log_prob_).T
    return Linear(weights, np.zeros(weights.shape[1]))


def _support_vectors(matrix: Any, wanted: Indices, strengths: Strengths) -> Linear:
    """One class against the others; its time grows with the documents, and not faster."""
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=strengths.regularization / 10, random_state=strengths.seed)
    machine.fit(matrix, wanted)
    return _of_two(np.asarray(machine.coef_).T, np.asarray(machine.intercept_))


def _logistic_in_terms(matrix: Any, wanted: Indices, strengths: Strengths) -> Linear:
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(
        C=strengths.regularization, max_iter=strengths.iterations, random_state=strengths.seed
    ).fit(matrix, wanted)
    return _of_two(np.asarray(regression.coef_).T, np.asarray(regression.intercept_))


def _of_two(weights: Array, bias: Array) -> Linear:
    """Two classes share one column; give each its own."""
    if weights.shape[1] > 1:
        return Linear(weights, bias)
    return Linear(np.hstack([-weights, weights]) / 2, np.array([-bias[0], bias[0]]) / 2)


def _logistic_in_documents(matrix: Any, wanted: Indices, strengths: Strengths) -> Linear:
    """Multinomial logistic regression. With the kernel's Cholesky factor as features the penalty
    of the weights is what it is in the terms, and there are as many weights as documents."""
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import minimize

    documents, classes = len(wanted), int(wanted.max()) + 1
    kernel = np.asarray((matrix @ matrix.T).todense())
    kernel[np.diag_indices_from(kernel)] += _JITTER
    factor = cholesky(kernel, lower=True)
    features = factor.astype(np.float32)
    rows = np.arange(documents)

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat[:-classes].reshape(documents, classes)
        logits = features @ weights.astype(np.float32) + flat[-classes:].astype(np.float32)
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        sums = odds.sum(axis=1, keepdims=True)
        value = float((np.log(sums[:, 0]) - logits[rows, wanted]).sum(dtype=np.float64))
        odds /= sums
        odds[rows, wanted] -= 1.0
        cost = strengths.regularization
        slope = cost * (features.T @ odds).astype(np.float64) + weights
        by_bias = cost * odds.sum(axis=0, dtype=np.float64)
        penalty = float((flat[:-classes] ** 2).sum()) / 2
        return cost * value + penalty, np.concatenate([slope.ravel(), by_bias])

    found = minimize(
        loss, np.zeros((documents + 1) * classes), jac=True, method="L-BFGS-B",
        options={"maxiter": strengths.iterations, "ftol": _TOLERANCE},
    ).x  # fmt: skip
    weights = found[:-classes].reshape(documents, classes)
    dual = solve_triangular(factor, weights, lower=True, trans="T")
    return Linear(np.asarray(matrix.T @ dual), found[-classes:])


def _ridge(matrix: Any, wanted: Indices, strength: float) -> Linear:
    """Least squares of 1 for the class and 0 for the others, solved for the documents (Saunders et
    al. 1998)."""
    from scipy.linalg import solve

    # Documents of a class of which there are many count less, or it would be found too often.
    doubt = np.sqrt(np.bincount(wanted)[wanted])
    targets = np.zeros((len(wanted), int(wanted.max()) + 1))
    targets[np.arange(len(wanted)), wanted] = 1.0
    targets -= targets.mean(axis=0)
    kernel = np.asarray((matrix @ matrix.T).todense())
    kernel[np.diag_indices_from(kernel)] += strength * doubt / doubt.mean()
    dual = solve(kernel, targets, assume_a="pos")
    weights = np.asarray(matrix.T @ dual)
    return Linear(weights, np.zeros(weights.shape[1]))
