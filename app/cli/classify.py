"""`main.py classify PATH…` and `main.py prompts check FILE`: pictures by words, and whether the words are sound."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from app.cli.options import ForceDevice, ModelsDir
from app.cli.output import JsonOption, Output, output
from inference.errors import FormatError, UsageError
from inference.paths import as_typed

if TYPE_CHECKING:
    from inference.jobs.classify import ClassifyResult
    from inference.prompt_sets import Problem, PromptSet

Prompts = Annotated[str, typer.Option("--prompts", "-p", help="A prompt set that ships with Winnow, or a config.json.")]
_MOST_SHOWN = 30
_MOST_NAMED = 8


def register(app: typer.Typer) -> None:
    """Adds `classify` and the group `prompts`."""
    app.command()(classify)
    group = typer.Typer(help="Look after prompt sets.", no_args_is_help=True)
    group.command("check")(check)
    group.command("list")(list_sets)
    app.add_typer(group, name="prompts")


def classify(
    ctx: typer.Context,
    images: Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.", metavar="PATH…")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where scores.csv and scores.json go.")],
    prompts: Prompts,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL[=WEIGHT]",
            help="A classifier; several vote together. The best installed by itself.",
        ),
    ] = None,
    aggregate: Annotated[str | None, typer.Option(help="mean, max or best, against what the set says.")] = None,
    workers: Annotated[int, typer.Option(help="Threads that read pictures.", min=1, max=64)] = 2,
    models_dir: ModelsDir = None,
    force_device: ForceDevice = None,
    json: JsonOption = False,
) -> None:
    """Score pictures against a prompt set; nothing is moved."""
    from app.score_tables import ScoreTables, counts
    from app.subjects.inputs import pictures
    from inference import paths, prompt_sets
    from inference.jobs.classify import ClassifyItem, ClassifyRequest
    from inference.protocol import Progress
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    voice = output(ctx, json)
    chosen = _aggregated(prompt_sets.find(prompts), aggregate)
    members = tuple(parse_member(text) for text in model or ()) or ((_default(models_dir), 1.0),)
    files, failures = pictures(images, without=out)
    folder = paths.typed(out).absolute()
    tables = ScoreTables(folder, chosen)
    runner = InlineRunner(options=WorkerOptions(models_dir=_text(models_dir), force_device=force_device))
    request = ClassifyRequest(tuple(map(str, files)), chosen, members=members, workers=workers)
    result: ClassifyResult | None = None

    def follow(progress: Progress) -> None:
        meter.update(progress.done, progress.total, Path(progress.message).name)
        if isinstance(progress.payload, ClassifyItem):
            tables.add(progress.payload)

    try:
        with voice.progress("Classifying") as meter:
            result = runner.run(request, follow)
    finally:  # what was done before a Ctrl+C is kept too
        about = _about(result, members)
        if tables.rows:
            tables.write(about)
    assert result is not None  # run raises otherwise
    _tell(voice, result)
    good = [row for row in tables.rows if "scores" in row]
    cells = [(Path(r["image"]).name, r["label"] or "–", f"{r['confidence']:.2f}", r["prompt"]) for r in good]
    voice.table("", ("picture", "item", "score", "prompt"), cells[:_MOST_SHOWN])
    voice.table("", ("item", "pictures"), counts(tables.rows, chosen))
    done = f"{len(good)} of {len(tables.rows)} on {result.device}, {result.seconds:.1f} s"
    voice.say(f"[dim]{done}, in {escape(str(folder))}[/]")
    failures += [item.error for item in result.failed if item.error is not None]
    voice.finish({"out": str(folder), **about, "images": tables.rows}, failures)


def check(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="A config.json, or the name of a set that ships with Winnow.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The classifier to check with; the best installed by itself.")
    ] = None,
    words_only: Annotated[bool, typer.Option("--words-only", help="Load no model: look at the words alone.")] = False,
    models_dir: ModelsDir = None,
    json: JsonOption = False,
) -> None:
    """Say what is wrong with a prompt set: empty lists, glued words, prompts too long or too alike for the model."""
    from inference import prompt_sets

    voice = output(ctx, json)
    chosen = prompt_sets.find(file)
    found = prompt_sets.problems(chosen)
    unknown: tuple[str, ...] = ()
    if not words_only and not any(problem.severity == "error" for problem in found):
        found, unknown = _checked(chosen, model or _default(models_dir), models_dir)
    for problem in found:
        colour = "red" if problem.severity == "error" else "yellow"
        voice.say(f"[{colour}]{problem.severity}[/] {escape(problem.message)}")
    if unknown:
        voice.say(f"[yellow]unknown[/] {escape(unlearned(unknown))}")
    voice.say(
        f"{chosen.name}: {len(chosen.items)} items, {sum(map(len, chosen.prompts()))} prompts, {len(found)} problems"
    )
    errors = [FormatError(problem.message, file) for problem in found if problem.severity == "error"]
    data = {"name": chosen.name, "items": len(chosen.items), "prompts": sum(map(len, chosen.prompts()))}
    voice.finish(data | {"problems": [asdict(p) for p in found], "unknown": list(unknown)}, errors)


def list_sets(ctx: typer.Context, json: JsonOption = False) -> None:
    """Show the prompt sets that ship with Winnow."""
    from inference import prompt_sets

    voice = output(ctx, json)
    sets = {name: prompt_sets.load(path) for name, path in prompt_sets.bundled().items()}
    rows = [(name, ", ".join(found.names), sum(map(len, found.prompts()))) for name, found in sets.items()]
    voice.table("Prompt sets", ("name", "items", "prompts"), rows)
    voice.finish({"prompt_sets": [{"name": n, "items": i.split(", "), "prompts": p} for n, i, p in rows]})


def parse_member(text: str) -> tuple[str, float]:
    """A model and its weight, of "MODEL" or "MODEL=2"; UsageError when the weight is none."""
    name, mark, weight = text.rpartition("=")
    if not mark:
        return text, 1.0
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not (name and 0 < number < math.inf):
        raise UsageError(f"“{text}” is no model with a weight.", None, "Write MODEL or MODEL=2.")
    return name, number


def _aggregated(prompt_set: PromptSet, aggregate: str | None) -> PromptSet:
    from dataclasses import replace

    from inference.prompt_sets import AGGREGATES

    if aggregate is None:
        return prompt_set
    known = next((way for way in AGGREGATES if way == aggregate), None)
    if known is None:
        raise UsageError(
            f"“{aggregate}” is no way of putting prompts together.", None, f"Choose {', '.join(AGGREGATES)}."
        )
    return replace(prompt_set, aggregate=known)


def _checked(prompt_set: PromptSet, model: str, models_dir: Path | None) -> tuple[list[Problem], tuple[str, ...]]:
    import numpy as np

    from inference.jobs.embed_text import EmbedTextRequest, EmbedTextResult
    from inference.prompt_checks import TokenTable
    from inference.prompt_sets import problems
    from inference.worker.inline import InlineRunner
    from inference.worker.options import WorkerOptions

    prompts = prompt_set.prompts()
    flat = tuple(prompt for of_item in prompts for prompt in of_item)
    positive = tuple(item.name for item in prompt_set.items if not item.negative)
    runner = InlineRunner(options=WorkerOptions(models_dir=_text(models_dir)))
    answer: EmbedTextResult = runner.run(EmbedTextRequest(flat, model, positive))
    table = TokenTable(answer.context_length, dict(zip(flat, answer.tokens, strict=True)))
    texts = np.split(answer.embeddings, np.cumsum([len(of_item) for of_item in prompts])[:-1])
    return problems(prompt_set, table, texts), answer.unknown


def _tell(voice: Output, result: ClassifyResult) -> None:
    for model, error in result.left_out:
        voice.warn(f"{model} takes no part: {error}")
    for problem in result.problems:
        voice.warn(problem.message)
    if result.unknown:
        voice.warn(unlearned(result.unknown))
    models = ", ".join(name if weight == 1 else f"{name} × {weight:g}" for name, weight in result.models)
    voice.say(f"[dim]{result.prompts} prompts, {escape(models)}[/]")


def unlearned(words: tuple[str, ...]) -> str:
    """What to do about items that the built-in model does not know."""
    named = ", ".join(f"“{word}”" for word in words[:_MOST_NAMED])
    more = f" and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    remedy = as_typed("`main.py models download vit-b-32-openai` gets one for any word.")
    return f"The built-in model has not learned {named}{more}. {remedy}"


def _about(result: ClassifyResult | None, members: tuple[tuple[str, float], ...]) -> dict[str, Any]:
    took_part = result.models if result is not None else members
    return {
        "models": [{"model": name, "weight": weight} for name, weight in took_part],
        "left_out": {name: str(error) for name, error in result.left_out} if result is not None else {},
        "unknown": list(result.unknown) if result is not None else [],
        "device": result.device if result is not None else "",
        "complete": result is not None,
    }


def _default(models_dir: Path | None) -> str:
    from inference import catalogue

    return catalogue.default_classifier(models_dir).id


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
