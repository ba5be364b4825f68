"""`main.py evaluate --data DATA --model M --out DIR`: how good a model is, beside GrabCut."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, Output, output
from inference.errors import Cancelled
from inference.protocol import Progress


def register(app: typer.Typer) -> None:
    """Adds `evaluate`."""
    app.command()(evaluate)


def evaluate(
    ctx: typer.Context,
    data: Annotated[Path, typer.Option(help="A COCO file, a folder with one, or an Oxford pets folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where report.html, evaluation.json and tables go.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model's id, or a weights file.")] = "starter",
    prompts: Annotated[str, typer.Option(help="box, click or box,click.")] = "box,click",
    clicks: Annotated[int, typer.Option(help="Simulated clicks an object.", min=1, max=20)] = 5,
    min_area: Annotated[float, typer.Option(help="The least share of its picture that an object covers.")] = 0.01,
    exclude: Annotated[str, typer.Option(help="Categories to leave out, by name.")] = "region,nucleus",
    limit: Annotated[int, typer.Option(help="Only so many objects, chosen by --seed; 0 takes all.", min=0)] = 0,
    grabcut: Annotated[bool, typer.Option(help="OpenCV's GrabCut from the same boxes too; slow.")] = True,
    seed: Annotated[int, typer.Option(help="Chooses the objects under --limit.")] = 0,
    split: Annotated[str, typer.Option(help="The split to use of a folder with several: val, test, train.")] = "val",
    noc_clicks: Annotated[
        int,
        typer.Option(help="Count clicks until the mask is good (NoC), up to so many; 0 or 1 does not.", min=0, max=100),
    ] = 20,
    border: Annotated[str, typer.Option(help="What uncertain borders are: ignore, inside or outside.")] = "ignore",
    threshold_curve: Annotated[bool, typer.Option(help="Cut the masks at other thresholds too.")] = True,
    force_device: ForceDevice = None,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Measure a model: IoU, Dice, boundary and clicks needed, for a box and after simulated clicks, beside GrabCut.

    Every click goes to the centre of the largest error, as in the interactive-segmentation protocol. On a CPU most of
    the time goes into GrabCut and into counting up to 20 clicks: --no-grabcut --noc-clicks 0 leaves both out, --limit
    takes fewer objects.
    """
    from inference.jobs.evaluate import EvaluateRequest, run

    voice = output(ctx, json)
    request = EvaluateRequest(
        data=str(data),
        model=weights_of(model, models_dir),
        out=str(out),
        prompts=words_of(prompts),
        clicks=clicks,
        min_area=min_area,
        exclude=words_of(exclude),
        limit=limit,
        grabcut=grabcut,
        seed=seed,
        split=split,
        device=force_device,
        noc=noc_clicks,
        border=border,
        curves=threshold_curve,
    )
    with voice.progress("evaluate") as meter, job_context(meter.report) as context:
        result = run(request, context)
    _show(voice, result.figures, out)
    voice.finish(result.figures, result.failures)


class JobContext:
    """What a job needs of a worker, for commands that load their own model: progress goes to a meter."""

    models = None

    def __init__(self, show: Callable[[Progress], None]) -> None:
        self._show, self._ending = show, False

    def progress(self, done: int, total: int, message: str = "", payload: Any = None) -> None:
        """Shows it; raises Cancelled when the process was asked to end."""
        self._show(Progress(done, total, message, payload))
        if self._ending:
            raise Cancelled

    def end(self, _signal: int = 0, _frame: object = None) -> None:
        """Stops the job at its next progress."""
        self._ending = True


@contextmanager
def job_context(show: Callable[[Progress], None]) -> Iterator[JobContext]:
    """A `JobContext` that SIGTERM ends gently: a window or cluster that stops the process still gets a checkpoint."""
    context = JobContext(show)
    before = signal.signal(signal.SIGTERM, context.end)
    try:
        yield context
    finally:
        signal.signal(signal.SIGTERM, before)


def weights_of(model: str, models_dir: Path | None) -> str:
    """The weights file of a model's id, or the file itself. ModelError when there is none."""
    if Path(model).is_file():
        return model
    from inference import catalogue

    return str(catalogue.weights_path(model, models_dir))


def words_of(text: str) -> tuple[str, ...]:
    """The words of a list with commas."""
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def _show(voice: Output, figures: dict[str, Any], out: Path) -> None:
    keys = [k for k in figures if k == "box" or k.startswith("click") or k == "grabcut_box"]
    rows = [["all", figures["objects"], *(f"{figures[k]:.3f}" for k in keys)]]
    for group in ("by_class", "by_source", "by_size"):
        for name, values in figures[group].items():
            rows.append([name, values["objects"], *(f"{values[k]:.3f}" if k in values else "–" for k in keys)])
    voice.table("Mean IoU", ["", "n", *(key.removesuffix("_box") for key in keys)], rows)
    counted = figures.get("noc", {})
    for goal, noc in counted.items():
        if goal != "at_most":
            never = f"{noc['failures']} of {figures['objects']} did not get there with {counted['at_most']}"
            voice.say(f"NoC@{goal}: {noc['mean']:.2f} clicks, at most {counted['at_most']}; {never}.")
    for key, pooled in figures["categories"].items():
        if key in ("box", "click1") and len(pooled) < 12:
            parts = ", ".join(f"{name} {v:.3f}" for name, v in pooled.items() if name not in ("mean", "confidence"))
            voice.say(f"Pixels pooled, {key}: mean IoU {pooled['mean']:.3f} ({parts}).")
    times = ", ".join(f"{key} {seconds * 1000:.0f} ms" for key, seconds in figures["seconds"].items())
    voice.say(f"Median times on {figures['device']}: {times}. Report: {out / 'report.html'}")
