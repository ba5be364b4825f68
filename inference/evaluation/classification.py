"""How good a classifier's answers are: accuracy, precision, recall, calibration, what is taken for what."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import classification_report, confusion_matrix, precision_recall_fscore_support
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

REPORT = "report.json"
BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a classifier said about pictures.

    Attributes:
        logits: (n, classes) float32.
        targets: (n,) the true classes.
        classes: their names.
        paths: of the pictures, for people.
    """

    logits: Floats
    targets: Ints
    classes: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def predictions(self) -> Ints:
        """(n,) the likeliest classes."""
        return self.logits.argmax(1).astype(np.int64)

    @property
    def probabilities(self) -> Floats:
        """(n, classes), rows sum to 1."""
        shifted = np.exp(self.logits - self.logits.max(1, keepdims=True))
        return (shifted / shifted.sum(1, keepdims=True)).astype(np.float32)

    @property
    def confusion(self) -> Ints:
        """(classes, classes) counts: true classes in rows, answers in columns."""
        return np.asarray(confusion_matrix(self.targets, self.predictions, labels=range(len(self.classes))), np.int64)

    @property
    def losses(self) -> Floats:
        """(n,) cross-entropy of each picture."""
        own = self.probabilities[np.arange(len(self.targets)), self.targets]
        return -np.log(np.maximum(own, 1e-12)).astype(np.float32)


def summary(answers: Answers) -> dict[str, Any]:
    """Accuracy, top5, macro precision / recall / F1, loss, calibration error, all by class, and the confused pairs."""
    precision, recall, f1, support = precision_recall_fscore_support(
        answers.targets, answers.predictions, labels=range(len(answers.classes)), zero_division=0
    )
    there = support > 0  # a class without test pictures has no recall, so it is not part of the means
    logits, targets = torch.from_numpy(answers.logits), torch.from_numpy(answers.targets)
    count = len(answers.classes)
    top = multiclass_accuracy(logits, targets, count, average="micro", top_k=min(5, count))
    error = multiclass_calibration_error(torch.from_numpy(answers.probabilities), targets, count, BINS)
    rows = zip(answers.classes, precision, recall, f1, support, strict=True)
    return {
        "pictures": len(answers.targets),
        "accuracy": _short(np.mean(answers.predictions == answers.targets)),
        "top5": _short(top),
        "macro_precision": _short(precision[there].mean()),
        "macro_recall": _short(recall[there].mean()),
        "macro_f1": _short(f1[there].mean()),
        "loss": _short(answers.losses.mean()),
        "calibration_error": _short(error),
        "per_class": {
            name: {"precision": _short(p), "recall": _short(r), "f1": _short(f), "pictures": int(n)}
            for name, p, r, f, n in rows
        },
        "confused": confused_pairs(answers),
    }


def confused_pairs(answers: Answers, limit: int = 10) -> list[str]:
    """The most frequent mistakes in words: “cat taken for dog: 96 of 1,000 (9.6 %)”."""
    wrong = answers.confusion.copy()
    totals = wrong.sum(1)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(i), len(answers.classes)) for i in order]
    return [
        f"{answers.classes[true]} taken for {answers.classes[said]}: "
        f"{wrong[true, said]:,} of {totals[true]:,} ({wrong[true, said] / totals[true]:.1%})"
        for true, said in pairs
        if wrong[true, said]
    ]


def reliability(answers: Answers) -> tuple[Floats, Floats, Ints]:
    """(mean confidence, accuracy, count) of `BINS` equal bins of confidence; NaN where a bin is empty."""
    confidence = answers.probabilities.max(1)
    right = answers.predictions == answers.targets
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means, hits = (np.bincount(place, w, BINS) / counts for w in (confidence, right))
    return means.astype(np.float32), hits.astype(np.float32), counts.astype(np.int64)


def write(answers: Answers, figures: dict[str, Any], out: Path) -> None:
    """The figures as files, named in docs/classifiers.md. OSError when one cannot be written."""
    out.mkdir(parents=True, exist_ok=True)
    (out / REPORT).write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    plain = [(k, v) for k, v in figures.items() if isinstance(v, (int, float))]
    _csv(out / "metrics.csv", [("metric", "value"), *plain])
    names = answers.classes
    _csv(out / "confusion_matrix.csv", [("true \\ answer", *names), *zip(names, *answers.confusion.T, strict=True)])
    rows = [
        (i, path, names[t], names[p], f"{c:.4f}")
        for i, (path, t, p, c) in enumerate(
            zip(answers.paths, answers.targets, answers.predictions, answers.probabilities.max(1), strict=True)
        )
    ]
    _csv(out / "test_pictures.csv", [("row", "picture", "true", "answer", "confidence"), *rows])
    (out / "classification_report.txt").write_text(_as_text(answers, figures), "utf-8")
    np.save(out / "test_predictions.npy", answers.predictions, allow_pickle=False)
    np.save(out / "test_logits.npy", answers.logits, allow_pickle=False)
    np.save(out / "test_targets.npy", answers.targets, allow_pickle=False)


def _as_text(answers: Answers, figures: dict[str, Any]) -> str:
    table = classification_report(
        answers.targets,
        answers.predictions,
        labels=range(len(answers.classes)),
        target_names=list(answers.classes),
        digits=4,
        zero_division=0,
    )
    pairs = "\n".join(figures["confused"]) or "nothing was taken for anything else"
    return f"{table}\nMost confused:\n{pairs}\n"


def _csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _short(value: Any) -> float:
    return round(float(value), 5)
