"""`main.py text-segment PATH… --text "a red car"`: all things that words name, with masks and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from app.cli.classify import parse_member, unlearned
from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, Output, output
from inference.errors import AppError, StorageError, UsageError
from inference.text_segment import ENSEMBLE, TextOptions, Weights

if TYPE_CHECKING:
    from app.words.run import WordsRun
    from inference.jobs.text_segment import TextSegmentReady

_DEFAULTS = TextOptions()
_SHOWN = 30
_NAMED = 10


def register(app: typer.Typer) -> None:
    """Adds `text-segment`."""
    app.command("text-segment")(text_segment)


def text_segment(
    ctx: typer.Context,
    images: Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.", metavar="PATH…")],
    text: Annotated[str, typer.Option("--text", "-t", help="What to look for: a dog; a red ball; grass.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the results go.")],
    negative: Annotated[str, typer.Option("--not", help="What is not meant, likewise.")] = "",
    model: Annotated[
        str, typer.Option("--model", "-m", help="For masks: a model's id, or a weights file.")
    ] = "starter",
    clip_model: Annotated[
        list[str] | None,
        typer.Option(
            "--clip-model",
            "-c",
            metavar="MODEL[=WEIGHT]",
            help="A classifier; several judge together (“ensemble”: four large ones). The best installed by itself.",
        ),
    ] = None,
    detector: Annotated[str, typer.Option(help="auto, grounding-dino or clip.")] = _DEFAULTS.detector,
    box_threshold: Annotated[float, typer.Option(help="Least score of GroundingDINO's boxes.")] = (
        _DEFAULTS.box_threshold
    ),
    least_text: Annotated[float, typer.Option(help="Least fit of a masked region to the words.")] = (
        _DEFAULTS.least_text
    ),
    relative: Annotated[float, typer.Option(help="How far below the best one's fit others may be.")] = (
        _DEFAULTS.relative
    ),
    weights: Annotated[
        str, typer.Option(help="Of the judge's parts: text=0.6,compactness=0.2,size=0.1,smoothness=0.1.")
    ] = "",
    size_range: Annotated[str, typer.Option(help="Usual size of an object, as shares of the picture.")] = "0.05,0.5",
    most: Annotated[int, typer.Option(help="Instances of a phrase, at most.")] = _DEFAULTS.most,
    clean: Annotated[bool, typer.Option(help="Smooth the masks' edges; nothing thin is lost.")] = _DEFAULTS.clean,
    max_side: Annotated[int, typer.Option(help="Work on pictures no larger; masks have the full size.")] = (
        _DEFAULTS.max_side
    ),
    gallery: Annotated[bool, typer.Option(help="Write index.html and instances.csv.")] = True,
    models_dir: ModelsDir = None,
    force_device: ForceDevice = None,
    json: JsonOption = False,
) -> None:
    """Segment what words name: every instance, with its score and the reasons. Finished pictures are skipped."""
    from app.subjects.inputs import pictures
    from app.words.outputs import output_folder
    from app.words.reports import write_reports
    from app.words.run import WordsRun, search_all
    from inference import catalogue, paths
    from inference.jobs.text_segment import TextSegmentRequest
    from inference.text_segment import phrases, unwanted
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    voice = output(ctx, json)
    options = TextOptions(
        detector, box_threshold, least_text, relative, _DEFAULTS.mask_nms, _DEFAULTS.contained,  # type: ignore[arg-type]
        parse_weights(weights), parse_range(size_range), most, clean, max_side,
    )  # fmt: skip
    options.check()
    asked, against = phrases(text), unwanted(negative)
    catalogue.weights_path(model, models_dir)  # before anything is written
    members = members_of(clip_model or (), catalogue.default_classifier(models_dir).id)
    files, failures = pictures(images, without=out)
    folder = output_folder(paths.typed(out).absolute(), files)
    runner = InlineRunner(
        options=WorkerOptions(models_dir=None if models_dir is None else str(models_dir), force_device=force_device)
    )
    request = TextSegmentRequest((), asked, model, members, against, options)
    run = WordsRun(failures=failures)
    page: Path | None = None
    try:
        with voice.progress("Looking for words", "share") as meter:
            search_all(runner, files, request, folder, lambda ready: _tell(voice, ready), meter.report, run)
    except StorageError as error:  # a full disk: what was done until then is listed all the same
        run.failures.append(error)
    finally:  # after a Ctrl+C, too
        if run.done:
            try:
                folder.write_index(run.done)
                page = write_reports(folder, run.done, run.failures, text) if gallery else None
            except AppError as error:
                run.failures.append(error)
    _close(voice, run, page)
    rows = [one.data | {"earlier": one.earlier} for one in run.done]
    told = {"out": str(folder.folder), "gallery": None if page is None else str(page), "phrases": list(asked)}
    voice.finish(told | _about(run) | {"images": rows}, run.failures)


def members_of(wishes: list[str] | tuple[()], default: str) -> tuple[tuple[str, float], ...]:
    """The classifiers that were asked for, with their weights; "ensemble" stands for four."""
    members: list[tuple[str, float]] = []
    for wish in wishes:
        members += ENSEMBLE if wish.strip().lower() == "ensemble" else [parse_member(wish)]
    return tuple(members) or ((default, 1.0),)


def parse_weights(text: str) -> Weights:
    """Weights of "text=0.6,size=0.1"; what is not named keeps its own. UsageError when they make no sense."""
    names = {f.name for f in fields(Weights)}
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            given[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"“{part}” is no weight.", None, "Write for example text=0.6,size=0.1.") from None
    if not set(given) <= names:
        strange = sorted(set(given) - names)[0]
        raise UsageError(f"The judge has no part “{strange}”.", None, f"It has {', '.join(sorted(names))}.")
    return Weights(**given)


def parse_range(text: str) -> tuple[float, float]:
    """Two shares of "0.05,0.5". UsageError when they are none."""
    parts = text.split(",")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise UsageError(f"“{text}” is no range of sizes.", None, "Write for example 0.01,0.5.") from None
    return low, high


def _tell(voice: Output, ready: TextSegmentReady) -> None:
    if ready.notice:
        voice.warn(ready.notice)
    for name, error in ready.left_out:
        voice.warn(f"{name} takes no part: {error}")
    if ready.unknown:
        voice.warn(unlearned(ready.unknown))
    if ready.guessed:
        voice.warn(f"The built-in model never saw pictures of {_quoted(ready.guessed)} and guesses.")
    if ready.ignored:
        voice.warn(f"Not heeded, because the built-in model has not learned it: {_quoted(ready.ignored)}.")


def _quoted(words: Sequence[str]) -> str:
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return ", ".join(f"“{word}”" for word in words[:_NAMED]) + more


def _close(voice: Output, run: WordsRun, page: Path | None) -> None:
    cells = [
        (Path(one.data["picture"]).name, found["phrase"], f"{found['score']:.2f}", *_parts(found["parts"]))
        for one in run.done
        for found in one.data["instances"]
    ]
    voice.table("", ("picture", "phrase", "score", "text", "compact", "size", "smooth"), cells[:_SHOWN])
    earlier = sum(one.earlier for one in run.done)
    before = f", {earlier} of them searched before" if earlier else ""
    empty = sum(not one.data["instances"] for one in run.done)
    nothing = f"; in {empty} of them nothing" if empty else ""
    voice.say(f"{len(cells)} found in {len(run.done)} picture{'s' * (len(run.done) != 1)}{before}{nothing}.")
    if page is not None:
        voice.say(f"[dim]{escape(str(page))}[/]")


def _parts(parts: dict[str, float]) -> list[str]:
    return [f"{value:.2f}" for value in parts.values()]


def _about(run: WordsRun) -> dict[str, Any]:
    ready = run.ready
    if ready is None:
        return {"detector": None, "notice": "", "models": [], "left_out": {}, "unknown": [], "guessed": [],
                "ignored": [], "device": ""}  # fmt: skip
    return {
        "detector": ready.detector,
        "notice": ready.notice,
        "models": [{"model": name, "weight": weight} for name, weight in ready.models],
        "left_out": {name: str(error) for name, error in ready.left_out},
        "unknown": list(ready.unknown),
        "guessed": list(ready.guessed),
        "ignored": list(ready.ignored),
        "device": ready.device,
    }
