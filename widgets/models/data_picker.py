"""Choosing data sets, with a look at them: how much there is, how balanced, and a sheet with the masks drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.session.teaching import TeachSession
from app.teaching.orders import describe_classes
from inference.errors import AppError, Cancelled
from inference.jobs.look_at_data import LookAtDataResult
from widgets.parts import button, frame, label, restyle, tool

_MOST = 8  # classes that are named
_SHEET = 290  # pixels of the sheet's height before more is asked for: two rows of pictures


class DataPicker(QWidget):
    """A list of data sets with masks. What is specific to those can be replaced: see `ClassPicker`.

    Args:
        project: gives the folder whose annotations can be learned from, or why they cannot.
        single: only one data set at a time.

    Signals:
        changed(): other data sets are chosen.
        looked(): there is something new to see of them.
    """

    changed = Signal()
    looked = Signal()

    def __init__(
        self,
        session: TeachSession,
        project: Callable[[], tuple[Path | None, str]],
        *,
        single: bool = False,
        split: str = "train",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._project, self._single, self.split = session, project, single, split
        self._data: list[str] = []
        self._asked = 0
        self.figures: dict[str, Any] = {}
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        outer.addLayout(self._list)
        row = QHBoxLayout()
        row.setSpacing(8)
        own, file, tip = self._texts()
        self.own = button(own, self.add_project, "", "images")
        self.folder = button(self.tr("A folder…"), self._choose_folder, "", "folder-open")
        self.folder.setToolTip(tip)
        self.file = button(file, self._choose_file, "", "note")
        for made in (self.own, self.folder, self.file):
            row.addWidget(made)
        row.addStretch(1)
        outer.addLayout(row)
        self.said = label(role="muted", wrap=True)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        outer.addWidget(self.said)
        self.sheet = _Sheet()
        outer.addWidget(self.sheet)
        self.refresh()

    # What is chosen -------------------------------------------------------------------------------------------------

    @property
    def data(self) -> tuple[str, ...]:
        return tuple(self._data)

    def refresh(self) -> None:
        """Another folder may be open by now."""
        folder, reason = self._project()
        self.own.setEnabled(folder is not None)
        self.own.setToolTip(str(folder) if folder is not None else reason)

    def add(self, place: str | Path) -> None:
        """One more data set."""
        name = str(place)
        if name not in self._data:
            self._data = [name] if self._single else [*self._data, name]
            self._changed()

    def set_data(self, data: tuple[str, ...]) -> None:
        self._data = list(data)
        self._changed()

    def add_project(self) -> None:
        folder, _ = self._project()
        if folder is not None:
            self.add(folder)

    def set_split(self, split: str) -> None:
        """Which part of a set that has several is meant."""
        if split != self.split:
            self.split = split
            self._changed()

    # Within ---------------------------------------------------------------------------------------------------------

    def _texts(self) -> tuple[str, str, str]:
        """What the buttons say: the open folder's data, a file; and what a folder may be."""
        tip = self.tr("A folder annotated in Winnow, COCO, SAM 2's layout, labelme, or the Oxford-IIIT Pet set.")
        return self.tr("The open folder's annotations"), self.tr("A COCO file…"), tip

    def _kinds(self) -> str:
        """Which files can be chosen."""
        return self.tr("COCO (*.json);;All files (*)")

    async def _described(self, data: tuple[str, ...]) -> LookAtDataResult | str:
        """What is in the data: figures with a sheet, or words."""
        return await self._session.look(data, self.split)

    def _changed(self) -> None:
        while (taken := self._list.takeAt(0)) is not None:
            if (widget := taken.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for name in self._data:
            self._list.addWidget(self._row(name))
        self.figures = {}
        self.sheet.show_file(None)
        self._asked += 1
        restyle(self.said, "role", "muted")
        self.said.setText(self.tr("Looking at the data…") if self._data else "")
        if self._data:
            self._session.start(self._look(self._asked, self.data))
        self.changed.emit()

    def _row(self, name: str) -> QWidget:
        box = frame("card")
        row = QHBoxLayout(box)
        row.setContentsMargins(12, 4, 4, 4)
        text = label(name)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setToolTip(name)
        row.addWidget(text, 1)
        row.addWidget(tool("close", self.tr("Leave %1 out").replace("%1", name), lambda: self._drop(name), 14))
        return box

    def _drop(self, name: str) -> None:
        self._data = [one for one in self._data if one != name]
        self._changed()

    async def _look(self, asked: int, data: tuple[str, ...]) -> None:
        try:
            result = await self._described(data)
        except Cancelled:
            if asked == self._asked:
                self.said.setText("")
            return
        except AppError as error:
            if asked == self._asked:
                restyle(self.said, "role", "problem")
                self.said.setText(str(error))
                self.looked.emit()
            return
        if asked != self._asked:
            return
        if isinstance(result, str):
            self.said.setText(result)
            self.looked.emit()
        else:
            self._show(result)

    def _show(self, result: LookAtDataResult) -> None:
        figures = self.figures = result.figures
        classes = figures["classes"]
        named = [f"{name or self.tr('no class')} {count:,}" for name, count in list(classes.items())[:_MOST]]
        more = self.tr("and %1 more").replace("%1", str(len(classes) - _MOST)) if len(classes) > _MOST else ""
        low, middle, high = figures["areas"]
        (w0, w1, w2), (h0, h1, h2) = figures["widths"], figures["heights"]
        lines = [
            self.tr("%1 pictures with %2 objects: %3").replace("%1", f"{figures['pictures']:,}")
            .replace("%2", f"{figures['objects']:,}").replace("%3", ", ".join([*named, *([more] if more else [])])),
            self.tr("Pictures are %1 pixels wide and %2 high; an object covers %3 of its picture.")
            .replace("%1", f"{w0}–{w2} ({w1})").replace("%2", f"{h0}–{h2} ({h1})")
            .replace("%3", f"{low:.0%}–{high:.0%} ({middle:.0%})"),
        ]  # fmt: skip
        if figures["copies"]:
            lines.append(self.tr("%1 pictures are copies of others; they stay on one side of the split.").replace(
                "%1", f"{figures['copies']:,}"))  # fmt: skip
        problems = figures["problems"]
        if problems:
            where, what = next(iter(problems.items()))
            lines.append(self.tr("%1 files cannot be used and are left out, for example %2: %3").replace(
                "%1", f"{len(problems):,}").replace("%2", Path(where).name).replace("%3", what))  # fmt: skip
        self.said.setText("\n".join(lines))
        self.sheet.show_file(result.sheet)
        self.looked.emit()

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder to learn from"))
        if folder:
            self.add(folder)

    def _choose_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, self.tr("File to learn from"), "", self._kinds())
        if file:
            self.add(file)


class ClassPicker(DataPicker):
    """A list of folders or zips of class folders."""

    def _texts(self) -> tuple[str, str, str]:
        tip = self.tr(
            "A folder with a folder for each class; train, val and test folders above them are taken as such."
        )
        return self.tr("The class folders of Sort"), self.tr("A zip…"), tip

    def _kinds(self) -> str:
        return self.tr("Zip files (*.zip)")

    async def _described(self, data: tuple[str, ...]) -> LookAtDataResult | str:
        return await self._session.in_thread(lambda: describe_classes(data))


class _Sheet(QWidget):
    """A sheet of pictures as wide as there is room; its upper part until all of it is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = QPixmap()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self._view = QLabel()
        self._view.setMinimumWidth(100)
        self._view.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._view.setAccessibleName(self.tr("Pictures of the data with their masks"))
        self.more = button(self.tr("Show all of these"), self._toggle, "link")
        column.addWidget(self._view)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self._whole = False
        self.hide()

    def show_file(self, file: str | None) -> None:
        self._picture = QPixmap(file) if file else QPixmap()
        self.setVisible(not self._picture.isNull())
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _toggle(self) -> None:
        self._whole = not self._whole
        self.more.setText(self.tr("Show less") if self._whole else self.tr("Show all of these"))
        self._fit()

    def _fit(self) -> None:
        if self._picture.isNull():
            return
        ratio = self.devicePixelRatioF()
        wide = min(self._picture.width(), max(100, round(self.width() * ratio)))
        if self._view.pixmap().width() != wide:
            shown = self._picture.scaledToWidth(wide, Qt.TransformationMode.SmoothTransformation)
            shown.setDevicePixelRatio(ratio)
            self._view.setPixmap(shown)
        high = round(wide * self._picture.height() / self._picture.width() / ratio)
        self.more.setVisible(high > _SHEET)
        self._view.setFixedHeight(high if self._whole else min(high, _SHEET))
