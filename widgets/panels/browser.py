"""The folder's pictures: tree of subfolders, filter by name and state, thumbnails or a list."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QSlider,
    QSplitter,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.instance import ImageState
from app.library import FolderModel, ImageModel
from app.session.desk import Opened
from app.settings import Settings
from widgets.icons import icon
from widgets.panels.browser_delegate import BrowserDelegate
from widgets.parts import calm, label, paint_words, tool

_TYPING_MS = 150
_SIDES = 8
_AROUND_TEXT = 28
"""What padding and border of a field take of its width, in pixels."""


class Browser(QWidget):
    """Shows the pictures of the open folder; a click or Enter asks for one."""

    wanted = Signal(str)
    """The id of a picture to show."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._images: ImageModel | None = None
        self._current: str | None = None
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("Filter by name"))
        self.name.setAccessibleName(self.tr("Filter pictures by name"))
        self.name.setClearButtonEnabled(True)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._apply_filter)
        self.name.textChanged.connect(lambda _: self._typing.start())
        self.state = QComboBox()
        self.state.setAccessibleName(self.tr("Filter pictures by state"))
        texts = (self.tr("All states"), self.tr("To do"), self.tr("Done"), self.tr("Flagged"))
        for text, value in zip(texts, (None, *ImageState), strict=True):
            self.state.addItem(text, value)
        self.state.currentIndexChanged.connect(lambda _: self._apply_filter())
        self.folders = QTreeView()
        self.folders.setHeaderHidden(True)
        self.folders.setAccessibleName(self.tr("Folders"))
        self.folders.setTabKeyNavigation(False)
        self.view = _ListView()
        self._delegate = BrowserDelegate(self.view)
        self.view.setItemDelegate(self._delegate)
        self.view.setAccessibleName(self.tr("Pictures"))
        self.view.clicked.connect(self._on_index)
        self.view.activated.connect(self._on_index)
        self._count = label(role="muted")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(72, 240)
        self.slider.setMaximumWidth(90)
        self.slider.setAccessibleName(self.tr("Size of the thumbnails"))
        self.slider.setToolTip(self.tr("Size of the thumbnails"))
        self.slider.setValue(int(settings.get("browser.thumbnail_size")))
        self.slider.valueChanged.connect(self._on_size)
        calm(self.state)
        calm(self.slider)
        self.as_list = self._mode_button()
        self._lay_out()
        self._show_mode()

    def set_opened(self, opened: Opened | None) -> None:
        """Shows another folder."""
        self._typing.stop()
        for widget in (self.name, self.state):
            widget.blockSignals(True)
        self.name.clear()
        self.state.setCurrentIndex(0)
        for widget in (self.name, self.state):
            widget.blockSignals(False)
        images = self._images = opened.images if opened else None
        self.view.setModel(images)
        self.folders.setModel(opened.folders if opened else None)
        if opened is not None and images is not None:
            self.folders.selectionModel().currentChanged.connect(lambda *_: self._apply_filter())
            opened.folders.rowsInserted.connect(lambda *_: self._show_tree())
            for signal in (images.modelReset, images.rowsInserted, images.rowsRemoved, images.scan_finished):
                signal.connect(self._show_count)
            images.modelReset.connect(self._show_current)
        self._show_tree()
        self._show_count()

    def set_current(self, image_id: str | None) -> None:
        """Marks and scrolls to the picture that is shown."""
        self._current = self._delegate.current = image_id
        self._show_current()
        self.view.viewport().update()

    # Within ---------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._filters = filters = QHBoxLayout()
        filters.setSpacing(6)
        filters.addWidget(self.name, 1)
        filters.addWidget(self.state)
        self._tree_and_list = QSplitter(Qt.Orientation.Vertical)
        self._tree_and_list.addWidget(self.folders)
        self._tree_and_list.addWidget(self.view)
        self._tree_and_list.setStretchFactor(1, 1)
        self._tree_and_list.setSizes([110, 500])
        self._tree_and_list.setChildrenCollapsible(False)
        self.folders.setMinimumHeight(52)
        bottom = QHBoxLayout()
        bottom.setSpacing(6)
        bottom.addWidget(self._count, 1)
        bottom.addWidget(self.slider)
        bottom.addWidget(self.as_list)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_SIDES, 8, _SIDES, 6)
        layout.setSpacing(6)
        layout.addLayout(filters)
        layout.addWidget(self._tree_and_list, 1)
        layout.addLayout(bottom)

    def _stack_filters(self) -> None:
        """The states come below the name where both side by side would leave no room to read what to type."""
        text = self.name.fontMetrics().horizontalAdvance(self.name.placeholderText()) + _AROUND_TEXT
        room = self.width() - 2 * _SIDES
        narrow = room < text + self._filters.spacing() + self.state.sizeHint().width()
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if way != self._filters.direction():
            self._filters.setDirection(way)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._stack_filters()
        super().resizeEvent(event)

    def _mode_button(self) -> QToolButton:
        made = tool("list", self.tr("List instead of thumbnails"), size=16)
        made.setCheckable(True)
        made.setChecked(self._settings.get("browser.view") == "list")
        made.toggled.connect(self._on_mode)
        return made

    def _on_mode(self, as_list: bool) -> None:
        self._settings.set("browser.view", "list" if as_list else "grid")
        self._show_mode()

    def _on_size(self, edge: int) -> None:
        self._settings.set("browser.thumbnail_size", edge)
        self._show_mode()

    def _show_mode(self) -> None:
        as_list = self.as_list.isChecked()
        self._delegate.grid = not as_list
        self._delegate.edge = self.slider.value()
        self.as_list.setIcon(icon("grid" if as_list else "list"))
        self.slider.setVisible(not as_list)
        self.view.set_grid(not as_list)
        self._show_current()

    def _on_index(self, index: QModelIndex) -> None:
        if index.isValid():
            self.wanted.emit(str(index.data(ImageModel.IdRole)))

    def _apply_filter(self) -> None:
        if self._images is None:
            return
        index = self.folders.currentIndex()
        folder = index.data(FolderModel.FolderRole) if index.isValid() else None
        state = self.state.currentData()  # Qt hands it back as a plain string
        self._images.set_filter(self.name.text(), ImageState(state) if state else None, folder or None)

    def _show_current(self) -> None:
        if self._images is None or self._current is None:
            return
        row = self._images.row_of(self._current)
        if row >= 0:
            index = self._images.index(row)
            if index != self.view.currentIndex():
                self.view.setCurrentIndex(index)
            self.view.scrollTo(index)

    def _show_tree(self) -> None:
        model = self.folders.model()
        root = model.index(0, 0) if model is not None and model.rowCount() else QModelIndex()
        self.folders.setVisible(root.isValid() and model.rowCount(root) > 0)
        if root.isValid():
            self.folders.expand(root)

    def _show_count(self, *_: object) -> None:
        images = self._images
        if images is None:
            self._count.setText("")
            return
        shown, total = images.rowCount(), images.total
        text = f"{shown:,}" if shown == total else f"{shown:,} / {total:,}"
        text = self.tr("%1 pictures").replace("%1", text) if total != 1 else self.tr("1 picture")
        self._count.setText(text + ("…" if images.is_scanning else ""))
        self.view.say("" if shown or images.is_scanning else self._why_empty(total))

    def _why_empty(self, total: int) -> str:
        if total:
            return self.tr("No picture matches the filter.")
        return self.tr("There are no pictures in this folder yet. Those you put there appear by themselves.")


class _ListView(QListView):
    def __init__(self) -> None:
        super().__init__()
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self._grid = True
        self._words = ""

    def say(self, text: str) -> None:
        """Words in place of pictures."""
        if text != self._words:
            self._words = text
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        paint_words(self, self._words)

    def set_grid(self, grid: bool) -> None:
        self._grid = grid
        # Qt's list mode, wrapped: its icon mode keeps a search tree of all items, too slow for 100,000 pictures.
        self.setFlow(QListView.Flow.LeftToRight if grid else QListView.Flow.TopToBottom)
        self.setWrapping(grid)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        """Spreads the tiles over the whole width."""
        if not self._grid:
            self.setGridSize(QSize())
            return
        delegate = self.itemDelegate()
        assert isinstance(delegate, BrowserDelegate)
        wanted = delegate.smallest_tile()
        # Room for the scroll bar in any case, or its coming and going would change how many tiles fit side by side.
        bar = self.verticalScrollBar().sizeHint().width()
        width = max(1, self.width() - 2 * self.frameWidth() - bar - 2)
        columns = max(1, width // wanted.width())
        delegate.tile = QSize(width // columns, wanted.height())
        self.setGridSize(delegate.tile)
