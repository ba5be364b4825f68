"""What a comparison looks like: side-by-side sheets, the map of agreement, plots, one page with everything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.errors import AppError
from inference.evaluation import comparison, page, plots, sheets
from inference.evaluation.comparison import Case, Place, Result
from inference.evaluation.protocol import Rgb, tight_box
from inference.pictures import read_rgb
from inference.training.clicks import center_of

_MAP_LEGEND = (*sheets.LEGEND, ("models agree", sheets.RIGHT), ("models differ", sheets.SURPLUS))


def write(
    results: Sequence[Result], places: Sequence[Place], figures: dict[str, Any], shown: int, seed: int, out: Path
) -> None:
    """`sheet_KEY.png`, `differences_KEY.png`, `agreement.png`, `curves.png` and `report.html`. OSError."""
    head, rows = comparison.table(figures)
    parts = [page.section("Figures", page.table(head, rows))]
    if figures["differences"]:
        parts.append(page.section(f"Mean IoU compared with {results[0].label}", page.table(*_differences(figures))))
    _curves(results, places, figures, out / "curves.png")
    _agreement(figures, out / "agreement.png")
    parts += [
        page.embedded(out / "curves.png", "clicks and time"),
        page.embedded(out / "agreement.png", "how far the models agree"),
    ]
    for key in figures["agreement"]:
        found = comparison.cases(results, places, key)
        random = np.random.default_rng(seed).permutation(len(found))[:shown]
        apart = sorted(range(len(found)), key=lambda i: (-comparison.disagreement(found[i]), i))[:shown]
        words = plots.words(key)
        for name, title, which in (
            ("sheet", f"Side by side: {words}", sorted(random)),
            ("differences", f"Where they differ most: {words}", apart),
        ):
            picture = out / f"{name}_{key}.png"
            sheets.save(_sheet([found[i] for i in which], title, key), picture)
            parts.append(page.embedded(picture, title, photo=True))
    words = (
        f"{figures['objects']:,} objects in {figures['images']:,} pictures of {figures['data']}, on {figures['device']}"
    )
    page.write_page(out / "report.html", " and ".join(figures["models"]), words, parts)


def _sheet(found: Sequence[Case], title: str, key: str) -> Any:
    """A row an object: the prompt, each model's answer, and where they agree."""
    labels = list(dict.fromkeys(label for case in found for label in case.answers))
    rows = []
    for case in found:
        try:
            rgb = read_rgb(case.record.path)
        except AppError:
            continue  # it was there a moment ago; the sheet can do without it
        rows.append(_row(case, rgb, key))
    heads = ["prompt", *labels, *(["agreement"] if len(labels) > 1 else [])]
    return sheets.sheet(rows, title, heads=heads, legend=_MAP_LEGEND if len(labels) > 1 else sheets.LEGEND)


def _row(case: Case, rgb: Rgb, key: str) -> list[tuple[Rgb, str]]:
    truth = case.truth.array()
    ignore = None if case.ignore is None else case.ignore.array()
    x, y, _ = center_of(truth)
    prompt = sheets.with_box(rgb, tight_box(truth)) if key == "box" else sheets.with_point(rgb, x, y)
    tiles = [(prompt, case.record.path.name)]
    masks = [mask.array() for mask in case.answers.values()]
    for label, mask in zip(case.answers, masks, strict=True):
        tiles.append((sheets.compared(rgb, mask, truth, ignore), f"IoU {case.iou[label]:.3f}"))
    if len(masks) > 1:
        alike = 1 - comparison.disagreement(case)
        tiles.append((sheets.agreement(rgb, masks), f"masks alike: IoU {alike:.3f}"))
    return tiles


def _differences(figures: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    keys = list(dict.fromkeys(key for told in figures["differences"].values() for key in told))
    rows = []
    for label, told in figures["differences"].items():
        cells = [
            "{:+.3f} ({:+.3f} to {:+.3f})".format(told[k]["mean"], *told[k]["confidence"]) if k in told else "–"
            for k in keys
        ]
        rows.append([label, *cells])
    return ["", *map(plots.words, keys)], rows


def _curves(results: Sequence[Result], places: Sequence[Place], figures: dict[str, Any], path: Path) -> None:
    figure = Figure((12, 4.4), layout="constrained")
    clicks, cost = (figure.add_subplot(1, 2, i) for i in (1, 2))
    plots.draw_clicks(clicks, [(r.label, r.rows(places)) for r in results])
    _draw_cost(cost, figures["models"])
    plots.save(figure, path)


def _draw_cost(axes: Axes, models: dict[str, Any]) -> None:
    """Quality over the time that a picture takes, from encoding to its first mask."""
    for (label, f), style in zip(models.items(), plots.styles(), strict=False):
        key = "click1" if "click1" in f else "box"
        seconds = f["seconds"]["encode"] + f["seconds"].get("click" if key == "click1" else "box", 0.0)
        name = f"{label} ({plots.words(key)})"
        axes.plot([max(seconds, 1e-4)], [f[key]], label=name, **style | {"lw": 0, "ms": 10})
    axes.set_xscale("log")
    plots.frame(axes, "seconds a picture", "mean IoU", "Quality and time")


def _agreement(figures: dict[str, Any], path: Path) -> None:
    tables = figures["agreement"]
    side = max((len(told["labels"]) for told in tables.values()), default=1)
    figure = Figure(((2.6 + 0.9 * side) * max(len(tables), 1), 2.2 + 0.8 * side), layout="constrained")
    for number, (key, told) in enumerate(tables.items()):
        axes = figure.add_subplot(1, len(tables), number + 1)
        axes.imshow(told["iou"], cmap="Greens", vmin=0, vmax=1)
        axes.set_xticks(range(len(told["labels"])), told["labels"], rotation=30, ha="right")
        axes.set_yticks(range(len(told["labels"])), told["labels"])
        for (i, j), value in np.ndenumerate(np.array(told["iou"])):
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.6 else "#18212e")
        axes.set_title(f"IoU of the models' masks: {plots.words(key)}", fontsize=11)
    plots.save(figure, path)
