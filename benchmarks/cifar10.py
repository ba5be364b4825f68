"""The figures and pictures of docs/cifar10.md, from finished runs of `main.py train classifier`:

    python -m benchmarks.cifar10 RUN [RUN …] --pictures docs/images/cifar10

Each run is measured on the official test part (its own pictures are not chosen by it), its plots are copied as
`<run>-<plot>.png`, and a Markdown table and the commands that made the runs are printed. It is not part of
`python -m benchmarks`, which needs no runs.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
from pathlib import Path
from typing import Any

from inference.jobs.evaluate_classifier import EvaluateClassifierRequest, read_run
from inference.worker.inline import InlineRunner

PLOTS = ("curves", "confusion_matrix", "per_class", "calibration", "worst")
TARGETS = {"small-vit": 0.65, "mobilenetv2_100": 0.88}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--pictures", type=Path, help="where the plots are copied to")
    parser.add_argument("--again", action="store_true", help="measure anew where there is a report already")
    options = parser.parse_args()
    rows = [(folder, figures_of(folder, options.again)) for folder in options.runs]
    print(
        "| run | accuracy | target | macro F1 | calibration error | parameters | epochs | minutes | processor minutes |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for folder, figures in rows:
        facts = figures["run"]
        target = TARGETS.get(facts["model"])
        verdict = "–" if target is None else f"{target} {'met' if figures['accuracy'] >= target else 'MISSED'}"
        print(
            f"| {folder.name}: `{facts['model']}` | {figures['accuracy']:.4f} | {verdict} | {figures['macro_f1']:.4f} "
            f"| {figures['calibration_error']:.4f} | {facts['parameters'] / 1e6:.1f} M | {facts['epochs']:.1f} "
            f"| {facts['minutes']} | {facts['cpu_minutes']} |"
        )
    for folder, figures in rows:
        told = read_run(folder)
        start, tested = figures["run"]["started_from"], told["counts"]["test"]
        print(f"\n{folder.name}: preset {told['preset']}, started from {start}, {tested:,} test pictures")
        print("\n".join(f"- {line}" for line in figures["confused"]))
        if options.pictures:
            copy_plots(folder, options.pictures)
    print(f"\n{platform.machine()}, {platform.system()} {platform.release()}")


def figures_of(folder: Path, again: bool) -> dict[str, Any]:
    """Of the report that is there, or of a new one."""
    report = folder / "report" / "report.json"
    if report.is_file() and not again:
        return dict(json.loads(report.read_text("utf-8")))
    return InlineRunner().run(EvaluateClassifierRequest(str(folder)), print_step).figures


def print_step(progress: Any) -> None:
    print(f"\r{progress.message:<60}", end="" if progress.done < progress.total else "\n", flush=True)


def copy_plots(folder: Path, pictures: Path) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    for name in PLOTS:
        plot = folder / "report" / f"{name}.png"
        if plot.is_file():
            shutil.copyfile(plot, pictures / f"{folder.name}-{name.replace('_', '-')}.png")


if __name__ == "__main__":
    main()
