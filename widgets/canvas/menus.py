"""The context menu of the canvas: what can be done to the selection, with the keys that do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QMenu

if TYPE_CHECKING:
    from widgets.canvas.canvas import Canvas

KeyText = Callable[[str], str]


def context_menu(canvas: Canvas, key_text: KeyText) -> QMenu:
    """A menu for what is selected now. It belongs to the canvas and deletes itself when it closes."""
    menu = QMenu(canvas)
    chosen = canvas.selected_instances()
    one, several = len(chosen) >= 1, len(chosen) >= 2
    writable = canvas.writable

    def entry(text: str, slot: Callable[[], object], action_id: str = "", enabled: bool = True) -> None:
        keys = key_text(action_id) if action_id else ""
        action = menu.addAction(f"{text}\t{keys}" if keys else text)
        action.setEnabled(enabled)
        action.triggered.connect(lambda _checked=False: slot())

    if one:
        _class_menu(canvas, menu, writable)
        entry(canvas.tr("Refine with clicks"), canvas.refine, "refine", writable and not several)
        entry(canvas.tr("Edit as polygon"), canvas.edit_as_polygon, "", writable)
        menu.addSeparator()
        entry(canvas.tr("Fill holes"), canvas.fill_holes, "fill_holes", writable)
        entry(canvas.tr("Split into parts"), canvas.split_parts, "split_parts", writable)
        entry(canvas.tr("Unite"), canvas.union, "union", writable and several)
        entry(canvas.tr("Subtract upper from lowest"), canvas.subtract, "subtract", writable and several)
        entry(canvas.tr("Intersect"), canvas.intersect, "intersect", writable and several)
        menu.addSeparator()
    entry(canvas.tr("Cut"), canvas.cut, "cut", one and writable)
    entry(canvas.tr("Copy"), canvas.copy, "copy", one)
    entry(canvas.tr("Paste"), canvas.paste, "paste", writable and canvas.can_paste())
    entry(canvas.tr("Duplicate"), canvas.duplicate, "duplicate", one and writable)
    entry(canvas.tr("Delete"), canvas.delete_selected, "delete", one and writable)
    menu.addSeparator()
    if one:
        locked, visible = all(i.locked for i in chosen), all(i.visible for i in chosen)
        entry(canvas.tr("Unlock") if locked else canvas.tr("Lock"), canvas.toggle_locked, "", writable)
        entry(canvas.tr("Hide") if visible else canvas.tr("Show"), canvas.toggle_visible, "", writable)
        entry(canvas.tr("Raise"), canvas.raise_selected, "", writable)
        entry(canvas.tr("Lower"), canvas.lower_selected, "", writable)
        menu.addSeparator()
        entry(canvas.tr("Zoom to selection"), canvas.zoom_to_selection, "zoom_to_selection")
    if canvas.tool == "lasso":
        asks = menu.addAction(canvas.tr("Lasso asks the model"))
        asks.setCheckable(True)
        asks.setChecked(canvas.desk.lasso_as_prompt)
        asks.triggered.connect(canvas.set_lasso_as_prompt)
    entry(canvas.tr("Select all"), canvas.select_all, "select_all")
    entry(canvas.tr("Fit picture"), canvas.fit, "fit")
    menu.aboutToHide.connect(menu.deleteLater)
    return menu


def _class_menu(canvas: Canvas, menu: QMenu, writable: bool) -> None:
    labels = canvas.class_labels()
    if not labels:
        return
    classes = menu.addMenu(canvas.tr("Class"))
    classes.setEnabled(writable)
    none = classes.addAction(canvas.tr("None"))
    none.triggered.connect(lambda _checked=False: canvas.assign_class(None))
    for label in labels:
        swatch = QPixmap(12, 12)
        swatch.fill(QColor(label.color))
        text = f"{label.name}\t{label.hotkey}" if label.hotkey else label.name
        action = classes.addAction(QIcon(swatch), text)
        action.triggered.connect(lambda _checked=False, label=label: canvas.assign_class(label.id))
