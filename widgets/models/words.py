"""How runs are spoken of on all pages of the Models workspace."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.teaching.live import RUNNING, STARTING, STOPPING, WAITING, Run
from app.teaching.orders import CLASSIFIER_RECIPES, RECIPES


def status_text(run: Run) -> str:
    """ "Learning, 42 %", "Paused" …"""
    match run.status:
        case "waiting":
            return tr("Waiting for its turn")
        case "starting":
            return tr("Starting…")
        case "stopping":
            return tr("Pausing…")
        case "running":
            share = "" if run.fraction is None else f", {run.fraction:.0%}"
            return (tr("Learning") if run.phase else tr("Learning, started elsewhere")) + share
        case "finished":
            return tr("Finished")
        case "failed":
            return tr("Failed")
    return tr("Paused")


def icon_of(run: Run) -> str:
    """The icon of a run's status."""
    if run.status in (WAITING, STARTING, RUNNING, STOPPING):
        return "refresh"
    return {"finished": "done", "failed": "error"}.get(run.status, "history")


def recipe_text(preset: object) -> str:
    """The title of a preset; a settings file by its name; nothing for a run that went on with its own settings."""
    for recipe in (*RECIPES, *CLASSIFIER_RECIPES):
        if recipe.preset == preset:
            return QCoreApplication.translate("teaching", recipe.title)
    return "" if not preset or Path(str(preset)).name == "config.yaml" else Path(str(preset)).name


def minutes_text(seconds: float) -> str:
    """ "12 min"."""
    if seconds < 90:
        return tr("%1 s").replace("%1", str(round(seconds)))
    if seconds < 5400:
        return tr("%1 min").replace("%1", str(round(seconds / 60)))
    return tr("%1 h").replace("%1", f"{seconds / 3600:.1f}")


def tr(text: str) -> str:
    return QCoreApplication.translate("teaching", text)
