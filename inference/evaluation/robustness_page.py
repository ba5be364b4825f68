"""What a test of robustness looks like: a plot of each perturbation, one of all, examples, one page with everything."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.evaluation import page, plots, sheets
from inference.evaluation.perturbations import Perturbation
from inference.evaluation.protocol import BoolMap, Rgb
from inference.evaluation.robustness import Cell
from inference.masks import Mask

_SHOWN = 4  # levels of a perturbation on the sheet of examples, the first and the last among them


def write(figures: dict[str, Any], perturbations: Sequence[Perturbation], title: str, words: str, out: Path) -> None:
    """PNG plots and `report.html`, which embeds them with the `examples-*.png` in `out`. OSError when one fails."""
    for one in perturbations:
        figure = Figure((7, 4.6), layout="constrained")
        _draw(figure.add_subplot(), figures, one, legend=True)
        plots.save(figure, out / f"{one.name}.png")
    _all(figures, perturbations, out / "all.png")
    parts = [
        page.section("Dice on clean pictures and at the last level", page.table(*_drops(figures, perturbations))),
        page.embedded(out / "all.png", "mean Dice under every perturbation"),
        *(page.embedded(out / f"{one.name}.png", one.title) for one in perturbations),
        *(page.embedded(sheet, "examples", photo=True) for sheet in sorted(out.glob("examples-*.png"))),
        *(_table(figures, one) for one in perturbations),
    ]
    page.write_page(out / "report.html", title, words, parts)


def examples(
    cells: Sequence[Cell],
    perturbations: Sequence[Perturbation],
    rgb: Rgb,
    truth: BoolMap,
    ignore: BoolMap | None,
    seed: int,
    out: Path,
) -> None:
    """`examples-MODEL.png` for every model: one picture at some levels of each perturbation, with the answers."""
    for model in dict.fromkeys(cell.model for cell in cells):
        rows = []
        for one in perturbations:
            cell = next((c for c in cells if (c.model, c.perturbation) == (model, one.name) and c.masks), None)
            if cell is None:
                continue
            try:
                rows.append([_shown(cell, one, step, rgb, truth, ignore, seed) for step in _steps(one)])
            except ValueError:  # the masks on disk were tampered with; the figures are not made of them
                continue
        if rows:
            sheet = sheets.sheet(rows, f"{model}: one picture, made worse", Path(_picture(cells)).name)
            sheets.save(sheet, out / f"examples-{file_name(model)}.png")


def _picture(cells: Sequence[Cell]) -> str:
    """The picture that is shown as an example."""
    return next((cell.picture for cell in cells if cell.masks), "")


def file_name(model: str) -> str:
    """A model's name as a part of a file's."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in model).strip(". ") or "model"


def _steps(one: Perturbation) -> list[int]:
    last = len(one.levels) - 1
    return list(dict.fromkeys(round(last * i / (_SHOWN - 1)) for i in range(_SHOWN)))


def _shown(
    cell: Cell, one: Perturbation, step: int, rgb: Rgb, truth: BoolMap, ignore: BoolMap | None, seed: int
) -> tuple[Rgb, str]:
    answer = Mask.from_rle({"size": list(rgb.shape[:2]), "counts": cell.masks[step]}).array()
    worse = one.apply(rgb, step, seed, cell.picture)
    return sheets.compared(
        worse, answer, truth, ignore
    ), f"{one.title} {one.levels[step]:g}\nDice {cell.dice[step]:.3f}"


def _all(figures: dict[str, Any], perturbations: Sequence[Perturbation], path: Path) -> None:
    columns = min(4, len(perturbations))
    rows = -(-len(perturbations) // columns)
    figure = Figure((4.1 * columns, 3.4 * rows + 0.5), layout="constrained")
    for number, one in enumerate(perturbations):
        axes = figure.add_subplot(rows, columns, number + 1)
        _draw(axes, figures, one, legend=False)
        axes.set_ylabel("mean Dice" if number % columns == 0 else "")
    lows = [value for by_name in figures.values() for row in by_name.values() for value in row["dice"]]
    for axes in figure.axes:  # one scale, so that the plots can be compared
        axes.set_ylim(plots.floor_of(min(lows, default=0.0)), 1.02)
    labelled = max((axes.get_legend_handles_labels() for axes in figure.axes), key=lambda both: len(both[0]))
    figure.legend(*labelled, loc="outside lower center", ncols=max(len(figures), 1), frameon=False)
    plots.save(figure, path)


def _draw(axes: Axes, figures: dict[str, Any], one: Perturbation, *, legend: bool) -> None:
    """Mean Dice by level with its interval; levels stand at equal distances, for some are far from even."""
    places = range(len(one.levels))
    for (model, by_name), style in zip(figures.items(), plots.styles(), strict=False):
        row = by_name.get(one.name)
        if row:
            low, high = zip(*row["dice_interval"], strict=True)
            axes.fill_between(places, low, high, color=style["color"], alpha=0.12, lw=0)
            axes.plot(places, row["dice"], label=model, **style)
    axes.set_xticks(places, [f"{level:g}" for level in one.levels], fontsize=9)
    plots.frame(axes, one.unit, "mean Dice", one.title)
    drawn = axes.get_legend()
    if drawn is not None and not legend:
        drawn.remove()


def _drops(figures: dict[str, Any], perturbations: Sequence[Perturbation]) -> tuple[list[str], list[list[str]]]:
    head = ["", *(f"{model}: {what}" for model in figures for what in ("clean", "last level", "lost"))]
    rows = []
    for one in perturbations:
        cells = [one.title]
        for by_name in figures.values():
            row = by_name.get(one.name)
            values = (row["dice"][0], row["dice"][-1], row["drop"]) if row else ()
            cells += [f"{v:.3f}" for v in values] or ["–"] * 3
        rows.append(cells)
    return head, rows


def _table(figures: dict[str, Any], one: Perturbation) -> str:
    head = [one.unit, *(f"{model}: {what}" for model in figures for what in ("Dice", "IoU"))]
    rows = []
    for step, level in enumerate(one.levels):
        own = [by_name.get(one.name) for by_name in figures.values()]
        values = [f"{row[k][step]:.3f}" if row else "–" for row in own for k in ("dice", "iou")]
        rows.append([f"{level:g}", *values])
    return f"<details><summary>{html.escape(one.title)}: all figures</summary>{page.table(head, rows)}</details>"
