"""The menus of the window, and which actions need a picture, a folder or a workspace to mean anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar

from app.recent import RecentFolders
from app.shortcuts import EDIT, FILE, HELP, INSTANCES, PICTURES, SORTING, TOOLS, VIEW
from widgets.actions import Actions

NEEDS_PICTURE = (
    "previous", "next", "first", "last", "next_todo", "done_next", "flag", "show_in_folder", "tool_points", "tool_box",
    "tool_words", "tool_everything", "tool_lasso", "tool_polygon", "tool_brush", "tool_eraser", "tool_select",
    "smaller", "larger", "accept", "next_candidate", "drop", "refine", "class_aware", "compare_models",
    "delete", "cut", "copy", "paste", "duplicate", "select_all", "union",
    "subtract", "intersect", "fill_holes", "split_parts", "clear_class", "hide_masks", "fit", "actual_size",
    "zoom_in", "zoom_out", "zoom_to_selection",
)  # fmt: skip
CLASS_KEYS = tuple(f"class_{n}" for n in range(1, 10))
"""In Annotate they need a picture, in Sort a folder."""
NEEDS_FOLDER = ("close_folder", "export", "cut_out", "undo_classes", "redo_classes", "find")
NEEDS_SORTING = (
    "sort_accept", "sort_reject", "sort_accept_above", "sort_useful", "sort_remove", "sort_new_class", "sort_prompts",
    "sort_alike", "sort_quick_look", "sort_annotate",
)  # fmt: skip

_PLANS: Mapping[str, Sequence[str]] = {
    FILE: ("open_folder", "open_picture", "open_samples", "-recent", "-", "export", "cut_out", "show_in_folder", "-",
           "settings", "close_folder", "quit"),
    EDIT: ("undo", "redo", "undo_classes", "redo_classes", "-", "cut", "copy", "paste", "duplicate",
           "select_all", "-", "delete"),
    PICTURES: ("previous", "next", "first", "last", "next_todo", "-", "done_next", "flag", "-", "find"),
    TOOLS: ("tool_points", "tool_box", "tool_words", "tool_everything", "tool_lasso", "tool_polygon", "tool_brush",
            "tool_eraser", "tool_select", "-", "smaller", "larger", "-", "class_aware", "compare_models"),
    INSTANCES: ("accept", "next_candidate", "drop", "refine", "-", "union", "subtract", "intersect",
                "fill_holes", "split_parts", "-", "clear_class"),
    SORTING: ("sort_accept", "sort_reject", "sort_accept_above", "sort_useful", "-", "sort_new_class", "sort_remove",
              "-", "sort_alike", "sort_prompts", "-", "sort_quick_look", "sort_annotate"),
    VIEW: ("workspace_annotate", "workspace_sort", "workspace_models", "-", "fit", "actual_size", "zoom_in", "zoom_out",
           "zoom_to_selection", "-", "hide_masks", "crosshair", "color_by_instance", "-", "-panels",
           "reset_layout", "full_screen"),
    HELP: ("shortcuts", "doctor", "about"),
}  # fmt: skip


def fill(
    bar: QMenuBar,
    actions: Actions,
    panels: Sequence[QAction],
    recent: RecentFolders,
    open_folder: Callable[[Path], object],
) -> None:
    """Puts every menu into the bar.

    Args:
        panels: show or hide each panel.
        open_folder: what a folder of the list of recent ones is for.
    """
    for group, entries in _PLANS.items():
        menu = bar.addMenu(QCoreApplication.translate("actions", group))
        for entry in entries:
            if entry == "-":
                menu.addSeparator()
            elif entry == "-recent":
                _fill_recent(menu.addMenu(_tr("Open lately")), recent, open_folder)
            elif entry == "-panels":
                menu.addMenu(_tr("Panels")).addActions(panels)
            else:
                menu.addAction(actions[entry])


def _fill_recent(menu: QMenu, recent: RecentFolders, open_folder: Callable[[Path], object]) -> None:
    def refill() -> None:
        menu.clear()
        for folder in recent.all():
            menu.addAction(str(folder)).triggered.connect(lambda _=False, folder=folder: open_folder(folder))
        menu.addSeparator()
        menu.addAction(_tr("Clear the list")).triggered.connect(recent.clear)

    menu.aboutToShow.connect(refill)


def _tr(text: str) -> str:
    return QCoreApplication.translate("MainWindow", text)
