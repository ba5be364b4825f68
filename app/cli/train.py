"""`main.py train sam2 …`: trains or fine-tunes a segmentation model. The classifier's is in `train_classifier.py`."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.evaluate import job_context, weights_of
from app.cli.options import ModelsDir
from app.cli.output import JsonOption, Output, output
from app.cli.train_classifier import classifier, setting
from app.cli.train_words import words
from inference.errors import ImageError, UsageError

if TYPE_CHECKING:
    from app.cluster import ClusterPlan
    from inference.jobs.train_sam2 import TrainSam2Request


def register(app: typer.Typer) -> None:
    """Adds `train` with its kinds."""
    group = typer.Typer(help="Train a model on annotated or sorted pictures.", no_args_is_help=True)
    group.command("sam2")(sam2)
    group.command("classifier")(classifier)
    group.command("words")(words)

    @group.callback()
    def kinds() -> None:
        """Train a model on annotated or sorted pictures."""

    app.add_typer(group, name="train")


def sam2(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder; a run that is there goes on.")],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="A data set: COCO, SAM 2's layout, labelme, an annotated folder, or Oxford pets; repeat. "
            "Leave it out to go on with the run in --out."
        ),
    ] = None,
    val: Annotated[
        str | None,
        typer.Option(help="A data set that chooses the best checkpoint; else a part of --data does. none: the last."),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="A model's id or weights file to start from; else the starter.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            "--config",
            help="pets-cpu-256, one-class-256, finetune-sam2.1, from-scratch, starter, or a YAML file.",
        ),
    ] = None,
    trunk_weights: Annotated[
        Path | None, typer.Option(help="timm mobilenetv2_100 weights (safetensors) for a fresh starter.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="How long to train at most.")] = None,
    epochs: Annotated[float | None, typer.Option(help="How often every picture is seen.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the model's square, a multiple of 32.")] = None,
    limit: Annotated[int, typer.Option(help="Use only so many pictures; 0 takes all.", min=0)] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting of docs/training.md; repeat.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="slurm: queue it on a cluster and return.")] = None,
    nodes: Annotated[int, typer.Option(help="Machines of the cluster.", min=1)] = 1,
    gpus: Annotated[int, typer.Option(help="Cards, and processes, of each machine.", min=0)] = 1,
    partition: Annotated[str | None, typer.Option(help="The cluster's partition.")] = None,
    qos: Annotated[str | None, typer.Option(help="The cluster's quality of service.")] = None,
    account: Annotated[str | None, typer.Option(help="The account that pays.")] = None,
    hours: Annotated[float, typer.Option(help="After that the cluster's job goes to the queue again.", min=0.1)] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the cluster's job script and do nothing.")] = False,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Train a SAM 2 model, from scratch or from a checkpoint.

    Stopping it (Ctrl+C, SIGTERM) writes the state; the same command goes on from there, and so does
    `train sam2 --out RUN`. For several processes put `torchrun --standalone --nproc-per-node N` before it.
    """
    from app.cluster import ClusterPlan
    from inference.jobs.train_sam2 import TrainSam2Request, leads, run

    voice = output(ctx, json)
    chosen = dict(_setting(text) for text in settings or [])
    options = (("minutes", minutes), ("epochs", epochs), ("image_size", image_size))
    request = TrainSam2Request(
        data=tuple(str(d) for d in data or ()),
        out=str(out),
        val=val,
        init=None if init is None else weights_of(init, models_dir),
        trunk_weights=None if trunk_weights is None else str(trunk_weights),
        limit=limit,
        preset=preset,
        settings=chosen | {k: v for k, v in options if v is not None},
    )
    if cluster is not None or dry_run:
        if cluster != "slurm":
            raise UsageError("The only cluster that is known is slurm.", remedy="Give --cluster slurm.")
        _send(voice, request, ClusterPlan(nodes, gpus, hours, partition, qos, account), dry_run)
        return
    with voice.progress("train") as meter, job_context(meter.report) as context:
        result = run(request, context)
    if not leads():
        return
    figures = ", ".join(f"{key} {value:.3f}" for key, value in result.metrics.items())
    voice.say(f"{result.steps} steps in {result.seconds / 60:.1f} minutes. {figures}\nBest: {result.checkpoint}")
    failures = [ImageError(reason, path) for path, reason in result.broken.items()]
    voice.finish(asdict(result), failures)


def _send(voice: Output, request: TrainSam2Request, plan: ClusterPlan, dry_run: bool) -> None:
    """Checks what can be checked here, then queues the command or shows what would be queued."""
    from app.cluster import job_script, submit
    from inference.jobs.train_sam2 import resumed
    from inference.training.config import make_config

    request = resumed(_absolute(request))
    make_config(request.preset, request.settings)
    folder, command = Path(request.out) / "slurm", [w for w in request.argv() if w != "--json"]
    shown = f"main.py {shlex.join(command)}"
    if dry_run:
        script = job_script(plan, folder)
        voice.say(f"{script}\n# each process runs: {shown}")
        voice.finish({"script": script, "command": command}, [])
        return
    number = submit(plan, folder, command)
    voice.say(f"Job {number} is queued: {shown}\nWhat it says goes to {folder}.")
    voice.finish({"job": number, "command": command}, [])


def _absolute(request: TrainSam2Request) -> TrainSam2Request:
    """The cluster's processes stand in a folder of their own."""

    def full(path: str | None) -> str | None:
        return path if path in (None, "none") else str(Path(path).absolute())

    preset = request.preset
    changes: dict[str, Any] = {
        "data": tuple(str(Path(d).absolute()) for d in request.data),
        "out": str(Path(request.out).absolute()),
        "val": full(request.val),
        "init": full(request.init),
        "trunk_weights": full(request.trunk_weights),
        "preset": full(preset) if preset and Path(preset).is_file() else preset,
    }
    return replace(request, **changes)


def _setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`; values are JSON or a plain word (`precision=float32`)."""
    key, _, value = text.partition("=")
    if re.fullmatch(r"[A-Za-z][\w.+-]*", value) and value not in ("true", "false", "null"):
        return key, value
    return setting(text)
