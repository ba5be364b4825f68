"""`LinearProbe`: learns classes from a few examples' embeddings, with probabilities that mean what they say.

A logistic regression (scikit-learn) on standardised embeddings, as linear probes of CLIP are (Radford et al., 2021),
regularised strongly because examples are few; docs/sorting.md has figures beside other ways. Its temperature (Guo et
al., 2017) and its accuracy come from examples it did not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.errors import UsageError

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.floating[Any]]
Matrix = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

_C = 0.01
_FEW = 1200  # with more examples than this, one part of five is held back instead of three folds
_ITERATIONS, _TOLERANCE = 40, 1e-2
MOST = 6000  # examples that are learned from; of more, an equal part of each class


class LinearProbe:
    """What a class looks like, learned from examples. `fit` before anything else.

    Attributes:
        classes: in alphabetical order, the columns of `probabilities`.
        accuracy: the share of examples that were right while they were held back; None when there were too few.
    """

    def __init__(self, seed: int = 0) -> None:
        self.classes: tuple[str, ...] = ()
        self.accuracy: float | None = None
        self._random = np.random.default_rng(seed)
        self._temperature = 1.0

    def fit(self, embeddings: Floats, labels: Sequence[str]) -> LinearProbe:
        """Learns from (n, d) embeddings and their n classes. UsageError for fewer than two classes."""
        rows = np.asarray(embeddings, np.float32)
        names, targets = np.unique(np.asarray(labels, object).astype(str), return_inverse=True)
        if len(names) < 2:
            raise UsageError("Two classes with pictures are needed to learn from.", remedy="File a few pictures first.")
        chosen = self._thinned(targets)
        rows, targets = rows[chosen], targets[chosen]
        self.classes = tuple(map(str, names))
        self._mean = rows.mean(axis=0)
        self._scale = np.float32(1.0) / max(float((rows - self._mean).std()), 1e-6)
        scaled = self._scaled(rows)
        model = self._calibrate(scaled, targets)
        self._weights, self._bias = _line(model.fit(scaled, targets))
        return self

    def probabilities(self, embeddings: Floats) -> Matrix:
        """(n, classes) for (n, d) embeddings; each row sums to 1."""
        logits = self._scaled(np.asarray(embeddings, np.float32)) @ self._weights + self._bias
        return softmax(logits / np.float32(self._temperature))

    def _scaled(self, rows: Matrix) -> Matrix:
        scaled: Matrix = (rows - self._mean) * self._scale
        return scaled

    def _calibrate(self, rows: Matrix, targets: Places) -> LogisticRegression:
        """Sets temperature and accuracy by examples that fits did not see. Returns a model to go on from."""
        few = len(targets) <= _FEW
        folds = self._folds(targets, 3 if few else 5)
        logits, wanted = [], []
        model = _model()
        for fold in range(3 if few else 1):
            out = folds == fold
            if out.any():
                model = _model()  # anew: one that has seen these examples would know them
                weights, bias = _line(model.fit(rows[~out], targets[~out]))
                logits.append(rows[out] @ weights + bias)
                wanted.append(targets[out])
        if wanted:
            found, right = np.concatenate(logits), np.concatenate(wanted)
            self.accuracy = float((found.argmax(axis=1) == right).mean())
            self._temperature = _temperature(found, right)
        else:
            self.accuracy, self._temperature = None, 1.0
        return model

    def _folds(self, targets: Places, count: int) -> Places:
        """The fold of each example, -1 for the only one of its class. So every fit sees all classes."""
        folds = np.full(len(targets), -1, np.intp)
        for number in np.unique(targets):
            places = self._random.permutation(np.flatnonzero(targets == number))
            if len(places) > 1:
                folds[places] = (np.arange(len(places)) + number) % count
        return folds

    def _thinned(self, targets: Places) -> Places:
        if len(targets) <= MOST:
            return np.arange(len(targets))
        each = MOST // (int(targets.max()) + 1) or 1
        parts = [np.flatnonzero(targets == n) for n in np.unique(targets)]
        return np.sort(np.concatenate([self._random.permutation(part)[:each] for part in parts]))


def softmax(logits: Matrix) -> Matrix:
    """Of each row."""
    risen = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Matrix = risen / risen.sum(axis=1, keepdims=True)
    return found


def _model() -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression  # a second that the window's start need not wait for

    return LogisticRegression(C=_C, max_iter=_ITERATIONS, tol=_TOLERANCE, class_weight="balanced", warm_start=True)


def _line(model: LogisticRegression) -> tuple[Matrix, Matrix]:
    """Weights (d, classes) and bias (classes,) of a fitted model."""
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    return np.asarray(coefficients.T, np.float32), np.asarray(intercepts, np.float32)


def _temperature(logits: Matrix, wanted: Places) -> float:
    """What to divide logits by so that confidences are as often right as they say.

    A little doubt is added to every example, less the more there are: a handful, all right, prove no certainty.
    """
    from scipy.optimize import minimize_scalar

    count, classes = logits.shape
    doubt = 1.0 / (count + 2)
    targets = np.full(logits.shape, doubt / classes)
    targets[np.arange(count), wanted] += 1.0 - doubt

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return -float((targets * (scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))
