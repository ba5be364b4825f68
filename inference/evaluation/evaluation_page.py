"""What an evaluation looks like: plots, the worst answers, and one page with everything in it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from inference.errors import AppError
from inference.evaluation import page, plots, sheets
from inference.evaluation.measure import Measured, Row
from inference.pictures import read_rgb

WORST = 20
_COLUMNS = 5


def worst_key(keys: Iterable[str]) -> str:
    """The answer by which the worst are chosen: one click where there are clicks, else the box."""
    return "click1" if "click1" in keys else "box"


class Worst:
    """The objects with the lowest IoU so far; only theirs are kept."""

    def __init__(self, key: str, count: int = WORST) -> None:
        self.key, self._count = key, count
        self._heap: list[tuple[float, int, Measured]] = []
        self._seen = 0

    def add(self, measured: Measured) -> None:
        """Takes it when it is among the worst."""
        if self.key in measured.row.counts:
            self._seen += 1  # ties never compare what is measured
            heapq.heappush(self._heap, (-measured.row.counts[self.key].iou, self._seen, measured))
            if len(self._heap) > self._count:
                heapq.heappop(self._heap)

    def found(self) -> list[Measured]:
        """Worst first."""
        return [measured for _, _, measured in sorted(self._heap, key=lambda entry: -entry[0])]


def write(rows: list[Row], figures: dict[str, Any], worst: Worst, out: Path) -> None:
    """`curves.png`, `worst.png` and `report.html` with both embedded. OSError when one cannot be written."""
    plots.curves(rows, figures, out / "curves.png")
    sheets.save(worst_sheet(worst), out / "worst.png")
    keys = [k for k in figures["confidence"] if not k.startswith("click") or k in ("click1", "click2", "click3")]
    keys += [k for k in figures["confidence"] if k.startswith("click") and k not in keys][-1:]
    parts = [
        page.tiles((f"{figures[k]:.3f}", f"mean IoU, {plots.words(k)}") for k in keys),
        page.section("By prompt", page.table(*_by_prompt(figures))),
        page.embedded(out / "curves.png", "curves over clicks, thresholds and IoU"),
        *_categories(figures),
        *_clicks(figures),
        page.embedded(out / "worst.png", "the worst answers", photo=True),
        *(
            page.section(title, page.table(*_groups(figures, group, keys)))
            for title, group in _GROUPS
            if figures[group]
        ),
    ]
    words = (
        f"{figures['objects']:,} objects in {figures['images']:,} pictures of {figures['data']}, on {figures['device']}"
    )
    page.write_page(out / "report.html", f"Evaluation of {Path(figures['model']).name}", words, parts)


_GROUPS = (("By class", "by_class"), ("By source", "by_source"), ("By size of the object", "by_size"))


def worst_sheet(worst: Worst) -> Any:
    """The sheet as a Pillow picture; pictures that cannot be read any more are left out."""
    shown = []
    for measured in worst.found():
        try:
            rgb = read_rgb(measured.record.path)
        except AppError:
            continue  # it was there a moment ago; the sheet can do without it
        row = measured.row
        ignore = None if measured.ignore is None else measured.ignore.array()
        pixels = sheets.compared(rgb, measured.answers[worst.key].array(), measured.truth.array(), ignore)
        words = f"IoU {row.counts[worst.key].iou:.3f}"
        shown.append((pixels, f"{words}  {row.category}\n{row.image}"))
    rows = [shown[i : i + _COLUMNS] for i in range(0, len(shown), _COLUMNS)]
    return sheets.sheet(rows, f"The {len(shown)} worst answers", f"asked with: {plots.words(worst.key)}")


def _by_prompt(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    head = ["", "mean IoU", "95 % interval", "Dice", "pixel accuracy", "boundary F"]
    rows = []
    for key, (low, high) in figures["confidence"].items():
        others = (figures[table].get(key) for table in ("dice", "accuracy", "boundary_f"))
        cells = ["–" if value is None else f"{value:.3f}" for value in others]
        rows.append([plots.words(key), f"{figures[key]:.3f}", f"{low:.3f} – {high:.3f}", *cells])
    return head, rows


def _categories(figures: dict[str, Any]) -> list[str]:
    told = figures["categories"]
    names = [n for n in next(iter(told.values()), {}) if n not in ("mean", "confidence")]
    if not told or len(names) > 12:
        return []
    rows = [
        [
            plots.words(key),
            *(f"{v[n]:.3f}" for n in names),
            f"{v['mean']:.3f}",
            "{:.3f} – {:.3f}".format(*v["confidence"]),
        ]
        for key, v in told.items()
    ]
    head = ["", *names, "mean IoU", "95 % interval"]
    return [page.section("Semantic IoU, the pixels of all pictures pooled", page.table(head, rows))]


def _clicks(figures: dict[str, Any]) -> list[str]:
    noc = figures.get("noc")
    if not noc:
        return []
    rows = [
        [f"NoC@{goal}", f"{noc[goal]['mean']:.2f}", f"{noc[goal]['failures']:,}"] for goal in noc if goal != "at_most"
    ]
    title = f"Clicks until the mask is good, at most {noc['at_most']}"
    return [page.section(title, page.table(["", "clicks", "objects that never got there"], rows))]


def _groups(figures: dict[str, Any], group: str, keys: list[str]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [name or "–", *(f"{v[k]:.3f}" if k in v else "–" for k in keys), f"{v['objects']:,}"]
        for name, v in figures[group].items()
    ]
    return ["", *map(plots.words, keys), "objects"], rows
