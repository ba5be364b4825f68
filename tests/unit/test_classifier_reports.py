"""Figures of known answers, evaluation and comparison of runs, labels for pictures, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import cli
from inference import catalogue
from inference.engines.classifier_checkpoint import save_classifier
from inference.engines.classifier_model import ClassifierArch, build_classifier
from inference.engines.pool import ModelPool
from inference.errors import FormatError, ModelError, UsageError
from inference.evaluation.classification import Answers, reliability, summary, write
from inference.evaluation.classification_plots import read_lines, worst_plot
from inference.jobs.compare_classifiers import CompareClassifiersRequest
from inference.jobs.compare_classifiers import run as compare
from inference.jobs.evaluate_classifier import EvaluateClassifierRequest
from inference.jobs.label import LabelItem, LabelRequest
from inference.jobs.train_classifier import TrainClassifierRequest
from inference.weights import library
from inference.worker.inline import InlineRunner
from tests.unit.classifier_scene import FAST, write_classes


def _answers() -> Answers:
    """Ten pictures: of six cats four are told, one is taken for a dog, one for a bird; four dogs are told; no bird."""
    targets = np.array([0] * 6 + [1] * 4)
    said = np.array([0, 0, 0, 0, 1, 2, 1, 1, 1, 1])
    logits = np.full((10, 3), 0.0, np.float32)
    logits[np.arange(10), said] = np.linspace(1, 4, 10)
    return Answers(logits, targets, ("cat", "dog", "bird"), tuple(f"{i}.png" for i in range(10)))


def test_figures_of_known_answers() -> None:
    figures = summary(_answers())
    assert figures["accuracy"] == 0.8 and figures["top5"] == 1.0
    assert figures["per_class"]["cat"] == {"precision": 1.0, "recall": 0.66667, "f1": 0.8, "pictures": 6}
    assert figures["per_class"]["dog"]["precision"] == 0.8
    assert figures["macro_recall"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-4)  # birds were not asked about
    assert figures["confused"][0] == "cat taken for dog: 1 of 6 (16.7%)"
    confidence, right, counts = reliability(_answers())
    assert counts.sum() == 10 and np.nanmax(right) == 1 and np.isnan(confidence[counts == 0]).all()


def test_the_files_say_the_same(tmp_path: Path) -> None:
    answers = _answers()
    write(answers, summary(answers), tmp_path)
    assert (tmp_path / "confusion_matrix.csv").read_text().splitlines()[1] == "cat,4,1,1"
    assert "accuracy,0.8" in (tmp_path / "metrics.csv").read_text()
    assert "cat taken for dog" in (tmp_path / "classification_report.txt").read_text()


def test_worst_pictures_come_first_and_missing_ones_are_left_out(tmp_path: Path) -> None:
    from inference.errors import ImageError

    def read(row: int) -> Any:
        if row == 4:
            raise ImageError("gone")
        return np.zeros((8, 8, 3), np.uint8)

    rows = worst_plot(_answers(), read, tmp_path / "worst.png", 3)
    assert rows[0] == 5 and 4 not in rows and (tmp_path / "worst.png").stat().st_size > 1000


def test_cut_off_lines_of_a_run_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2}\n{"epoch": 2, "lo')
    assert read_lines(tmp_path) == [{"epoch": 1, "loss": 2}] and read_lines(tmp_path / "gone") == []


def _cli(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status = cli.run([*words, "--json"], lambda *_, **__: 0)
    out = capsys.readouterr().out
    return status, json.loads(out) if out.strip() else {}


def test_train_evaluate_compare_import_and_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_classes(tmp_path / "data")
    for name, patch in (("four", 4), ("eight", 8)):
        settings = FAST | {"options": FAST["options"] | {"patch": patch}, "epochs": 15.0}
        words = [w for k, v in settings.items() for w in ("--set", f"{k}={json.dumps(v)}")]
        status, done = _cli(capsys, "train", "classifier", "--data", str(data), "--out", str(tmp_path / name), *words)
        assert status == 0 and done["failures"] == []
        assert TrainClassifierRequest.parse(done).figures["accuracy"] >= 0.5

    status, done = _cli(capsys, "evaluate-classifier", str(tmp_path / "four"), "--part", "all", "--no-flip")
    result = EvaluateClassifierRequest.parse(done)
    assert status == 0 and result.figures["pictures"] == 36 and result.figures["run"]["sequence_length"] == 16
    _cli(capsys, "evaluate-classifier", str(tmp_path / "four"))

    status, done = _cli(
        capsys, "compare-classifiers", str(tmp_path / "four"), str(tmp_path / "eight"), "--out", str(tmp_path / "cmp")
    )
    assert status == 0 and done["names"] == ["four", "eight"] and len(done["classes"]) == 3
    figures = {row[0]: row[1:] for row in done["figures"]}
    assert figures["sequence length"] == [16, 4, -12] and figures["activation memory a picture, MB"][2] < 0
    assert sum(done["changed"].values()) == 6
    assert {p.name for p in (tmp_path / "cmp").iterdir()} == {
        "comparison.json", "comparison.csv", "comparison.html", "deltas.png",
    }  # fmt: skip

    spec = library.import_file(tmp_path / "four" / "best.safetensors", tmp_path / "models", name="mine")
    assert (spec.family, spec.architecture) == ("classifier", "small-vit, 3 classes, 16 px")
    (data / "bad.png").write_bytes(b"nothing")
    paths = (str(data / "sea" / "00.png"), str(data / "bad.png"), str(data / "fire" / "01.png"))
    items: list[LabelItem] = []
    pool = ModelPool(tmp_path / "models", "cpu")
    runner = InlineRunner(pool)
    labelled = runner.run(LabelRequest(paths, "mine"), lambda p: items.append(p.payload) if p.payload else None)
    assert [item.path for item in items] == list(paths) and labelled.classes == ("fire", "grass", "sea")
    assert [item.path for item in labelled.failed] == [paths[1]]
    assert items[0].probabilities is not None and items[0].probabilities.sum() == pytest.approx(1, abs=1e-5)
    with pytest.raises(ModelError, match="no model for masks"):
        pool.segmenter("mine")
    with pytest.raises(ModelError, match="fixed classes"):
        pool.labeller(catalogue.STARTER)
    pool.release()


def test_a_file_is_measured_on_given_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arch = ClassifierArch("small-vit", ("fire", "grass", "ice", "sea"), 16, FAST["options"])
    file = save_classifier(build_classifier(arch), arch, tmp_path / "x.safetensors")
    data = write_classes(tmp_path / "data", 6)
    (data / "sea" / "02.png").write_bytes(b"")
    words = ["evaluate-classifier", str(file), "--data", str(data), "--part", "all", "--out", str(tmp_path / "out")]
    status, done = _cli(capsys, *words)
    result = EvaluateClassifierRequest.parse(done)
    assert status == 1 and result.figures["pictures"] == 17 and len(result.failures) == 1
    write_classes(data, classes=("zoo",))
    status, done = _cli(capsys, *words)
    assert status != 0 and "does not know these classes: zoo" in json.dumps(done)


def test_what_cannot_be_evaluated_or_compared_is_told(tmp_path: Path) -> None:
    from inference.jobs.evaluate_classifier import run as evaluate

    class Quiet:
        models = None

        def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
            return

    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="no finished run"):
        evaluate(EvaluateClassifierRequest(str(tmp_path / "empty")), Quiet())
    with pytest.raises(ModelError, match="no such run"):
        evaluate(EvaluateClassifierRequest(str(tmp_path / "gone")), Quiet())
    with pytest.raises(UsageError, match="no part"):
        evaluate(EvaluateClassifierRequest(str(tmp_path), part="half"), Quiet())
    with pytest.raises(FormatError, match="no report"):
        compare(CompareClassifiersRequest(str(tmp_path / "empty"), str(tmp_path / "gone"), str(tmp_path)), Quiet())
    answers = _answers()
    for name in ("a", "b"):
        write(answers, summary(answers) | {"run": {}}, tmp_path / name / "report")
    with pytest.raises(UsageError, match="same run"):
        compare(CompareClassifiersRequest(str(tmp_path / "a"), str(tmp_path / "a" / "report"), "x"), Quiet())
    (tmp_path / "b" / "report" / "report.json").write_text("{}")
    with pytest.raises(FormatError, match="damaged"):
        compare(CompareClassifiersRequest(str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c")), Quiet())
