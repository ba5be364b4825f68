"""The left side of the Sort workspace: where to sort to and how, the trays, the class folders, what was removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.sorting.folders import ClassFolder
from app.sorting.journal import Mode
from widgets.icons import icon
from widgets.parts import button, label, named, tool
from widgets.sort.class_tree import CLASS, NEW, ClassTree, Tray

UNSORTED, UNSURE, ALIKE, ALL = "unsorted", "unsure", "alike", "all"
KEYS = 9


class FoldersPanel(QWidget):
    """Shows and asks; the workspace does.

    Signals:
        shown(key): a tray, or "class:NAME", is wanted in the grid.
        file_wanted(class name): the selected pictures shall go there, "" back to the unsorted ones.
        new_wanted(class name, with the selected pictures).
        rename_wanted(old, new), merge_wanted(source, target).
        mode_wanted(Mode), root_wanted(Path or None), reveal_wanted(class name), empty_wanted().
    """

    shown = Signal(str)
    file_wanted = Signal(str)
    new_wanted = Signal(str, bool)
    rename_wanted = Signal(str, str)
    merge_wanted = Signal(str, str)
    mode_wanted = Signal(object)
    root_wanted = Signal(object)
    reveal_wanted = Signal(str)
    empty_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[ClassFolder, ...] = ()
        self._root = Path()
        self._project_folder = Path()
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._where = label(role="muted")
        self._root_button = tool("folder", self.tr("Where the class folders are"), self._ask_for_root, 16)
        self.modes = QButtonGroup(self)
        self.tree = ClassTree(
            (
                Tray(UNSORTED, self.tr("Unsorted"), "todo", True, self.tr("Pictures that are in no class folder yet.")),
                Tray(UNSURE, self.tr("Unsure"), "info", False, self.tr("Unsorted ones whose suggestion is in doubt.")),
                Tray(ALIKE, self.tr("Alike"), "layers", False, self.tr("Stacks of pictures that are nearly the same.")),
                Tray(ALL, self.tr("All pictures"), "images"),
            )
        )
        self.tree.chosen.connect(self.shown)
        self.tree.dropped.connect(self._on_drop)
        self.tree.new_clicked.connect(lambda: self.ask_for_class(with_pictures=False))
        self.tree.given.connect(self.file_wanted)
        self.tree.renamed.connect(self.rename_wanted)
        self.tree.menu_wanted.connect(self._show_menu)
        self._removed = button("", self._ask_to_empty, "flat", "trash")
        self._removed.setToolTip(self.tr("Removed pictures wait in the project. Undo brings them back."))
        self._lay_out()
        self.show_removed(0)

    # What is shown --------------------------------------------------------------------------------------------------

    def show_root(self, root: Path, project_folder: Path) -> None:
        self._root, self._project_folder = root, project_folder
        here = root == project_folder
        self._where.setText(self.tr("this folder") if here else root.name or str(root))
        self._where.setToolTip(str(root))

    def show_mode(self, mode: Mode) -> None:
        for made in self.modes.buttons():
            made.setChecked(made.property("mode") == mode.value)

    def show_classes(self, classes: Sequence[ClassFolder], colors: Mapping[str, str]) -> None:
        self._classes = tuple(classes)
        self.tree.show_classes(classes, colors, {name: key for key, name in self.keys().items()})

    def show_removed(self, count: int) -> None:
        self._removed.setVisible(count > 0)
        self._removed.setText(self.tr("%1 removed · empty…").replace("%1", f"{count:,}"))

    def keys(self) -> dict[str, str]:
        """The digits 1 to 9 and the classes they file under: the first nine of the list."""
        return {str(n): folder.name for n, folder in enumerate(self._classes[:KEYS], 1)}

    def ask_for_class(self, *, with_pictures: bool) -> None:
        """Asks for the name of a new class."""
        chosen = self.tree.current.removeprefix(CLASS) + "/" if self.tree.current.startswith(CLASS) else ""
        what = self.tr("Name of the new class; “animals/cat” makes a class within one:")
        name, wanted = QInputDialog.getText(self, self.tr("New class"), what, text="" if with_pictures else chosen)
        if wanted and name.strip(" /"):
            self.new_wanted.emit(name.strip(" /"), with_pictures)

    # Within ---------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label(self.tr("Sort into"), "section"))
        head.addWidget(self._where, 1)
        head.addWidget(self._root_button)
        how = QHBoxLayout()
        how.setSpacing(2)
        texts = (
            (Mode.MOVE, self.tr("Move"), self.tr("Filing moves a picture to its class folder. Undo moves it back.")),
            (Mode.COPY, self.tr("Copy"), self.tr("Filing leaves a picture where it is and puts a copy in its folder.")),
            (Mode.LINK, self.tr("Hard link"), self.tr("Like a copy that takes no space; on the same disk only.")),
        )
        for mode, text, tip in texts:
            made = QToolButton()
            made.setText(text)
            made.setCheckable(True)
            made.setProperty("role", "segment")
            made.setProperty("compact", True)
            made.setProperty("mode", mode.value)
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            named(made, self.tr("When filing: %1").replace("%1", text), tip)
            made.clicked.connect(lambda _=False, mode=mode: self.mode_wanted.emit(mode))
            self.modes.addButton(made)
            how.addWidget(made)
        how.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 6, 6)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addLayout(how)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self._removed)

    def _on_drop(self, key: str) -> None:
        if key == NEW:
            self.ask_for_class(with_pictures=True)
        elif key.startswith(CLASS):
            self.file_wanted.emit(key.removeprefix(CLASS))
        else:
            self.file_wanted.emit("")

    def _show_menu(self, name: str, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        file = menu.addAction(icon("check"), self.tr("File the selected pictures here"))
        file.triggered.connect(lambda: self.file_wanted.emit(name))
        menu.addAction(icon("plus"), self.tr("New class…")).triggered.connect(
            lambda: self.ask_for_class(with_pictures=False)
        )
        menu.addSeparator()
        menu.addAction(icon("pencil"), self.tr("Rename…")).triggered.connect(lambda: self.tree.rename(name))
        others = [f.name for f in self._classes if f.name != name and not f.name.startswith(f"{name}/")]
        into = menu.addMenu(icon("merge"), self.tr("Merge into"))
        into.setEnabled(bool(others))
        for other in others:
            into.addAction(other).triggered.connect(lambda _=False, other=other: self.merge_wanted.emit(name, other))
        menu.addSeparator()
        show = menu.addAction(icon("folder"), self.tr("Show in the file manager"))
        show.triggered.connect(lambda: self.reveal_wanted.emit(name))
        menu.popup(at)

    def _ask_for_root(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        here = menu.addAction(self.tr("Class folders in the open folder"))
        here.setCheckable(True)
        here.setChecked(self._root == self._project_folder)
        here.triggered.connect(lambda: self.root_wanted.emit(None))
        other = menu.addAction(self.tr("In another folder…"))
        other.setCheckable(True)
        other.setChecked(self._root != self._project_folder)
        other.triggered.connect(self._choose_root)
        menu.popup(self._root_button.mapToGlobal(QPoint(0, self._root_button.height())))

    def _choose_root(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder for the class folders"), str(self._root))
        if folder:
            self.root_wanted.emit(Path(folder))

    def _ask_to_empty(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        go = menu.addAction(icon("trash"), self.tr("Send them to the system's trash (no undo here)"))
        go.triggered.connect(self.empty_wanted)
        menu.popup(self._removed.mapToGlobal(QPoint(0, -menu.sizeHint().height())))
