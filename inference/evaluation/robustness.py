"""How a model's masks suffer when pictures get worse: the answers on disk, and the figures made of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import StorageError, UsageError
from inference.evaluation import bootstrap
from inference.evaluation.measure import Unsure, truth_of
from inference.evaluation.metrics import Counts, counts_of
from inference.evaluation.objects import Chosen
from inference.evaluation.perturbations import Perturbation
from inference.evaluation.protocol import Answers, BoolMap, Rgb
from inference.masks import Mask
from inference.training.clicks import center_of

ANSWERS, ABOUT = "answers.jsonl", "run.json"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a model made of one object under one perturbation: IoU and Dice by level.

    `masks` holds run-length counts by level for the picture that is shown as an example, else nothing.
    """

    model: str
    perturbation: str
    picture: str
    thing: int
    iou: tuple[float, ...]
    dice: tuple[float, ...]
    masks: tuple[str, ...] = ()


class Ledger:
    """The finished cells in a folder, by which a run that was stopped goes on.

    Args:
        folder: where the report goes, too.
        settings: what the answers depend on; a folder with other ones is refused.
        models: SHA-256 by name; a name must not change its weights, further ones may come.

    Raises:
        UsageError: the folder holds the answers of something else.
        StorageError: it cannot be read or written.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], models: dict[str, str]) -> None:
        self.folder = folder
        self.cells: list[Cell] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known = self._known(settings, models)
            about = {"settings": settings, "models": known | models}
            (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
            self._read()
        except OSError as error:
            raise _unwritten(folder, error) from error
        self._done = {(c.model, c.perturbation, c.picture) for c in self.cells}

    def has(self, model: str, perturbation: str, picture: str) -> bool:
        """Whether nothing is left to do there."""
        return (model, perturbation, picture) in self._done

    def add(self, cells: Sequence[Cell]) -> None:
        """The objects of one picture under one perturbation; they are on disk, all or none, when this returns."""
        if not cells:
            return
        line = json.dumps([asdict(cell) for cell in cells], ensure_ascii=False)
        try:
            with (self.folder / ANSWERS).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise _unwritten(self.folder, error) from error
        self.cells += cells
        self._done |= {(c.model, c.perturbation, c.picture) for c in cells}

    def _known(self, settings: dict[str, Any], models: dict[str, str]) -> dict[str, str]:
        file = self.folder / ABOUT
        if not file.is_file():
            return {}
        try:
            before = json.loads(file.read_text("utf-8"))
            known = {str(k): str(v) for k, v in before["models"].items()}
            same = before["settings"] == json.loads(json.dumps(settings))
        except (ValueError, KeyError, TypeError, AttributeError):
            known, same = {}, False
        if not same or any(known.get(name, sha) != sha for name, sha in models.items()):
            raise UsageError(
                "The folder holds a test with other pictures, settings or weights.", self.folder, "Choose another one."
            )
        return known

    def _read(self) -> None:
        file = self.folder / ANSWERS
        if not file.is_file():
            return
        text = file.read_text("utf-8")
        if text and not text.endswith("\n"):  # cut in the middle of a line, which is then done again
            text = text[: text.rfind("\n") + 1]
            file.write_text(text, "utf-8")
        for line in text.splitlines():
            try:
                self.cells += [_cell(row) for row in json.loads(line)]
            except (ValueError, KeyError, TypeError):
                continue  # damaged: done again


def _cell(row: dict[str, Any]) -> Cell:
    iou, dice = (tuple(float(v) for v in row[key]) for key in ("iou", "dice"))
    if len(iou) != len(dice):
        raise ValueError("an IoU goes with every Dice")
    masks = tuple(str(m) for m in row["masks"])
    return Cell(str(row["model"]), str(row["perturbation"]), str(row["picture"]), int(row["thing"]), iou, dice, masks)


def _unwritten(folder: Path, error: OSError) -> StorageError:
    return StorageError(f"The answers cannot be kept ({error.strerror or error}).", folder, "Choose another folder.")


class Subject:
    """One picture with its chosen objects and the click on each: the centre of the clean mask, at every level.

    `things` are those of at least `min_area`, a share of the picture.
    """

    def __init__(self, picture: Chosen, rgb: Rgb, unsure: Unsure, min_area: float) -> None:
        self.rgb = rgb
        self.things: list[int] = []
        self._truths: list[tuple[BoolMap, BoolMap | None]] = []
        self._clicks: list[tuple[float, float, bool]] = []
        for index in picture.things:
            truth, ignore, _ = truth_of(picture.record, index, rgb, unsure)
            if not truth.any() or np.count_nonzero(truth) < min_area * truth.size:
                continue
            x, y, _ = center_of(truth)
            self.things.append(index)
            self._truths.append((truth, ignore))
            self._clicks.append((x + 0.5, y + 0.5, True))
        self._clean: list[tuple[Counts, Mask]] | None = None

    def answers(self, rgb: Rgb, answerer: Answers) -> list[tuple[Counts, Mask]]:
        """Of every object, on a picture that may be worse. One that is not is asked once only."""
        clean = np.array_equal(rgb, self.rgb)
        if clean and self._clean is not None:
            return self._clean
        answerer.set_image(rgb)
        found = []
        for (truth, ignore), click in zip(self._truths, self._clicks, strict=True):
            mask, _ = answerer.answer([click], None, None)
            found.append((counts_of(mask, truth, ignore), Mask.from_array(mask)))
        if clean:
            self._clean = found
        return found


def figures_of(cells: Sequence[Cell], perturbations: Iterable[Perturbation]) -> dict[str, Any]:
    """Means by model, perturbation and level.

    Returns:
        {model: {perturbation: {"levels", "dice", "iou", "dice_interval", "objects", "drop"}}}; intervals are 95 %
        by bootstrap over pictures, the drop is what Dice loses from the first level to the last.
    """
    figures: dict[str, Any] = {}
    for model in dict.fromkeys(cell.model for cell in cells):
        figures[model] = {}
        for one in perturbations:
            own = [c for c in cells if (c.model, c.perturbation, len(c.dice)) == (model, one.name, len(one.levels))]
            if own:
                figures[model][one.name] = _means(own, one)
    return figures


def _means(cells: Sequence[Cell], one: Perturbation) -> dict[str, Any]:
    dice, iou = np.array([c.dice for c in cells]), np.array([c.iou for c in cells])
    pictures = [c.picture for c in cells]
    return {
        "levels": list(one.levels),
        "dice": [round(float(v), 4) for v in dice.mean(0)],
        "iou": [round(float(v), 4) for v in iou.mean(0)],
        "dice_interval": [list(bootstrap.mean_interval(pictures, list(column))) for column in dice.T],
        "objects": len(cells),
        "drop": round(float(dice[:, 0].mean() - dice[:, -1].mean()), 4),
    }


def write(figures: dict[str, Any], about: dict[str, Any], out: Path) -> None:
    """`robustness.json` and `robustness.csv`. OSError when one cannot be written."""
    text = json.dumps(about | {"models": figures}, indent=1, ensure_ascii=False)
    (out / "robustness.json").write_text(text + "\n", "utf-8")
    with (out / "robustness.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["model", "perturbation", "step", "level", "dice", "iou", "dice_low", "dice_high", "objects"])
        for model, by_name in figures.items():
            for name, row in by_name.items():
                for step, level in enumerate(row["levels"]):
                    values = row["dice"][step], row["iou"][step], *row["dice_interval"][step]
                    table.writerow([model, name, step, level, *values, row["objects"]])
