"""`main.py sort`: each picture's subject cut out, classified by a prompt set, and saved under its class."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from app.cli.batch import Tally, closing_words, in_order, run_batch, runner_for, summary
from app.cli.classify import parse_member, unlearned
from app.cli.cutout import ClipDevice, Feather, Focus, FocusMargin, SamDevice, Workers
from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, Output, output
from inference.errors import UsageError

if TYPE_CHECKING:
    from app.cutouts.run import Outcome
    from inference.jobs.cutout import Ready
    from inference.prompt_sets import PromptSet

log = logging.getLogger("app.sort")

# The configurations of the reference tool's SAM 2, and what the catalogue calls them.
_CONFIGS = {
    f"{old}_hiera_{letter}": f"{new}-{size}"
    for old, new in (("sam2", "sam2"), ("sam2.1", "sam2.1"))
    for letter, size in (("t", "tiny"), ("s", "small"), ("b+", "base-plus"), ("l", "large"))
}
_ROWS = 5


def register(app: typer.Typer) -> None:
    """Adds `sort`."""
    app.command()(sort)


def sort(
    ctx: typer.Context,
    dataset_dir: Annotated[Path, typer.Option(help="The folder of pictures.")],
    output_dir: Annotated[Path, typer.Option(help="Where OUTPUT/ITEM/NAME.png goes.")],
    config: Annotated[str, typer.Option(help="The prompt set: a config.json, or the name of one that ships.")],
    debug: Annotated[bool, typer.Option("--debug", "-d", help="All scores, and overlays with the clicks.")] = False,
    no_log: Annotated[bool, typer.Option("--no-log", help="Write no log file.")] = False,
    no_sam: Annotated[bool, typer.Option("--no-sam", "-x", help="Leave the pictures whole.")] = False,
    force_device: ForceDevice = None,
    clip_model: Annotated[
        list[str] | None,
        typer.Option("--clip-model", "-c", help="A classifier; repeat, with =WEIGHT, for several together."),
    ] = None,
    sam_model: Annotated[str | None, typer.Option(help="The segmentation model: an id, or a weights file.")] = None,
    sam_config: Annotated[
        str | None, typer.Option(help="Its configuration, as sam2.1_hiera_l.yaml; told from the weights.")
    ] = None,
    sam_device: SamDevice = None,
    clip_device: ClipDevice = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="How much of a prompt is read; beyond the model's context in pieces.", min=3)
    ] = None,
    focus: Focus = "center",
    focus_margin: FocusMargin = 0.05,
    background: Annotated[str, typer.Option("--background", "-b", help="As for cutout.")] = "white",
    crop: Annotated[bool, typer.Option("--crop", help="Crop to the subject.")] = False,
    feather: Feather = None,
    shadow: Annotated[bool, typer.Option(help="A soft shadow under the subject.")] = False,
    workers: Workers = 2,
    gallery: Annotated[bool, typer.Option(help="Write index.html, scores.csv and results.json.")] = True,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Find the subject, remove the background, classify, file under its class. Finished pictures are skipped."""
    from app.cutouts.places import output_folder
    from app.cutouts.reports import write_reports
    from app.cutouts.run import BatchRun
    from app.cutouts.settings import CutoutSettings
    from app.subjects.inputs import pictures
    from inference import catalogue, prompt_sets
    from inference.focus import focus_of
    from inference.jobs.classify import ClassifyRequest
    from inference.looks import Look
    from inference.looks import background as background_of

    voice = output(ctx, json)
    model = "" if no_sam else segmentation_model(sam_model, sam_config)
    members = tuple(map(parse_member, clip_model or [catalogue.default_classifier(models_dir).id]))
    prompt_set = prompt_sets.find(config)
    _check(prompt_set)
    asked = focus_of(focus, focus_margin)
    settings = CutoutSettings(
        model,
        asked,
        Look(background_of(background), crop, feather=feather, shadow=shadow),
        classify=ClassifyRequest((), prompt_set, members=members, workers=workers),
        words=members[0][0] if asked.kind == "text" and model else "",
        workers=workers,
        max_tokens=max_tokens,
        debug=debug,
    )
    if model:
        catalogue.weights_path(model, models_dir)  # before anything is written
    if not dataset_dir.is_dir():
        raise UsageError("There is no such folder of pictures.", dataset_dir, "Check --dataset-dir.")
    out = output_folder(output_dir, [dataset_dir])
    files, failures = pictures([dataset_dir], without=out)
    tally = Tally(lambda outcome: _tell(voice, outcome, debug, len(tally.records), len(batch.images)))
    batch = BatchRun(files, out, settings, tally.add, [dataset_dir])
    page = None
    with _logged(None if no_log else out):
        log.info("%d pictures in %s, %d done before", len(files), dataset_dir, len(batch.finished))
        try:
            runner = runner_for(models_dir, force_device, sam_device, clip_device)
            run_batch(voice, runner, batch, ready=lambda ready: _announce(voice, ready, prompt_set))
        finally:
            records = in_order(batch, tally)
            failures += tally.failures
            for failure in failures:
                log.error("%s", failure)
            if gallery and records and batch.stopped is None:
                page = write_reports(
                    batch.ledger, records, failures, settings, f"Sorted: {dataset_dir.absolute().name}"
                )
        log.info("%d done, %d failed", len(tally.records), len(failures))
    voice.table("", ("item", "pictures"), _counts(prompt_set, [record.label for record in records]))
    closing_words(voice, batch, tally, page)
    told = {"sam_model": model or None, "clip_models": [list(member) for member in members]}
    voice.finish(told | summary(batch, records, page), failures)


def segmentation_model(model: str | None, config: str | None) -> str:
    """The model that `--sam-model` and `--sam-config` mean. UsageError when they contradict each other."""
    if config is None:
        return model or "starter"
    name = _CONFIGS.get(PurePosixPath(config.replace("\\", "/")).name.removesuffix(".yaml"))
    if name is None:
        raise UsageError(f"“{config}” is no configuration of SAM 2.", None, f"Known are {', '.join(_CONFIGS)}.")
    if model in _CONFIGS.values() and model != name:
        raise UsageError(f"The configuration “{config}” is not that of {model}.", None, "Leave --sam-config out.")
    return model or name


def _check(prompt_set: PromptSet) -> None:
    from inference.prompt_sets import problems

    for problem in problems(prompt_set):
        if problem.severity == "error":
            raise UsageError(problem.message, None, "Mend the prompt set.")


def _announce(voice: Output, ready: Ready, prompt_set: PromptSet) -> None:
    """Devices and counts, and what is wrong with the prompts, before the first picture."""
    jury = ready.jury
    assert jury is not None
    models = ", ".join(f"{name} ×{weight:g}" if len(jury.models) > 1 else name for name, weight in jury.models)
    lines = [
        f"Segmentation on {ready.device}" if ready.device else "No segmentation",
        f"Classification on {jury.device} by {models}",
        f"{jury.prompts:,} prompts for {len(prompt_set.items):,} items: {len(prompt_set.prefixes):,} prefixes, "
        f"{len(prompt_set.postfixes):,} postfixes",
    ]
    for text in lines:
        voice.say(escape(text))
        log.info("%s", text)
    warnings = [problem.message for problem in jury.problems]
    warnings += [f"{name} takes no part: {error}" for name, error in jury.left_out]
    if jury.unknown:
        warnings.append(unlearned(jury.unknown))
    for number, text in enumerate(warnings):
        log.warning("%s", text)
        if number < 10:
            voice.warn(text)
    if len(warnings) > 10:
        voice.warn(f"There are {len(warnings) - 10} more of these: “prompts check” names them all.")


def _tell(voice: Output, outcome: Outcome, debug: bool, number: int, total: int) -> None:
    """The table of one picture, on the console and in the log."""
    record = outcome.record
    if record is None:
        return
    ranked = sorted(record.scores.items(), key=lambda pair: -pair[1])
    title = f"{Path(record.source).name} → {record.file}"
    voice.say(f"[bold]{number}/{total}[/] {escape(title)}")
    rows = [(name, f"{value:.3f}") for name, value in ranked[: None if debug else _ROWS]]
    voice.table("", ("item", "score"), rows)
    told = ", ".join(f"{name} {value:.3f}" for name, value in (ranked if debug else ranked[:_ROWS]))
    log.info("%s: %s | %s | %s", title, record.label, record.prompt, told)


def _counts(prompt_set: PromptSet, labels: Sequence[str | None]) -> list[tuple[str, int]]:
    from app.cutouts.places import NONE_OF_THESE

    rows = [(item, labels.count(item)) for item in prompt_set.names]
    return [row for row in rows if row[1]] + ([(NONE_OF_THESE, labels.count(None))] if None in labels else [])


@contextmanager
def _logged(out: Path | None) -> Iterator[None]:
    """Writes what is said by this command, and the warnings of all others, into a file of the output."""
    if out is None:
        yield
        return
    from app.subjects.outputs import storing

    file = out / f"sort-{time.strftime('%Y%m%d-%H%M%S')}.log"
    with storing(file):
        handler = logging.FileHandler(file, encoding="utf-8", errors="backslashreplace", delay=False)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    handler.addFilter(lambda record: record.name == log.name or record.levelno >= logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    level, log.level = log.level, logging.INFO
    try:
        yield
    finally:
        log.setLevel(level)
        root.removeHandler(handler)
        handler.close()
