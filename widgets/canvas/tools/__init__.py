"""The tools, by name."""

from __future__ import annotations

from widgets.canvas.desk import Desk
from widgets.canvas.tools.base import Tool
from widgets.canvas.tools.box import BoxTool
from widgets.canvas.tools.brush import BrushTool, EraserTool
from widgets.canvas.tools.everything import EverythingTool
from widgets.canvas.tools.lasso import LassoTool
from widgets.canvas.tools.points import PointsTool
from widgets.canvas.tools.polygon import PolygonTool
from widgets.canvas.tools.select import SelectTool
from widgets.canvas.tools.words import WordsTool

KINDS: tuple[type[Tool], ...] = (
    PointsTool, BoxTool, WordsTool, EverythingTool, LassoTool, PolygonTool, BrushTool, EraserTool, SelectTool
)  # fmt: skip
TOOLS: tuple[str, ...] = tuple(kind.name for kind in KINDS)


def make_tools(desk: Desk) -> dict[str, Tool]:
    return {kind.name: kind(desk) for kind in KINDS}
