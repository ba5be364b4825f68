"""`main.py evaluate-classifier` and `main.py compare-classifiers`: reports on what `train classifier` made."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.evaluate import job_context
from app.cli.options import ModelsDir
from app.cli.output import JsonOption, output


def register(app: typer.Typer) -> None:
    """Adds both."""
    app.command("evaluate-classifier")(evaluate_classifier)
    app.command("compare-classifiers")(compare_classifiers)


def evaluate_classifier(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="A run's folder, or a classifier's id or file.")],
    data: Annotated[
        list[Path] | None, typer.Option(help="A folder or zip of class folders; repeat. Else the run's own.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where the report goes; else RUN/report.")] = None,
    part: Annotated[str, typer.Option(help="test, val, train or all.")] = "test",
    flip: Annotated[bool, typer.Option(help="Mean of the answers for the picture and its mirror image.")] = True,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Measure a classifier: accuracy, precision, recall, confusion, calibration, worst pictures; a page and files."""
    from inference import catalogue
    from inference.jobs.evaluate_classifier import EvaluateClassifierRequest, run

    voice = output(ctx, json)
    place = model if Path(model).exists() else str(catalogue.weights_path(model, models_dir))
    request = EvaluateClassifierRequest(
        place, tuple(str(d) for d in data or ()), None if out is None else str(out), part, flip
    )
    with voice.progress("evaluate") as meter, job_context(meter.report) as context:
        result = run(request, context)
    keys = ("accuracy", "top5", "macro_precision", "macro_recall", "macro_f1", "calibration_error")
    voice.table("Figures", ["", ""], [[key.replace("_", " "), f"{result.figures[key]:.4f}"] for key in keys])
    rows = [[name, *(f"{v:.3f}" for v in (r["precision"], r["recall"], r["f1"]))] for name, r in _few(result.figures)]
    voice.table("Classes", ["", "precision", "recall", "F1"], rows)
    for line in result.figures["confused"][:5]:
        voice.say(line)
    voice.say(f"Report: {result.report}")
    voice.finish({"figures": result.figures, "report": result.report}, result.failures)


def compare_classifiers(
    ctx: typer.Context,
    first: Annotated[Path, typer.Argument(help="A run's folder with its report.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the comparison goes.")],
    json: JsonOption = False,
) -> None:
    """Compare two classifiers: figures, costs and every class, such as patch 16 against patch 32."""
    from inference.jobs.compare_classifiers import CompareClassifiersRequest, as_words, run

    voice = output(ctx, json)
    with voice.progress("compare") as meter, job_context(meter.report) as context:
        result = run(CompareClassifiersRequest(str(first), str(second), str(out)), context)
    head = ["", *result.names, "difference"]
    voice.table("Figures and costs", head, [as_words(row) for row in result.figures])
    voice.table("F1 by class", head, [as_words(row) for row in sorted(result.classes, key=lambda row: -row[3])[:40]])
    voice.say(f"Comparison: {result.report}")
    voice.finish(asdict(result))


def _few(figures: dict[str, dict[str, dict[str, float]]]) -> list[tuple[str, dict[str, float]]]:
    """The classes, worst first, as many as a screen holds."""
    return sorted(figures["per_class"].items(), key=lambda item: item[1]["f1"])[:40]
