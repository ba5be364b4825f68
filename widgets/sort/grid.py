"""The grid of pictures: sections of tiles, any number of them; selecting by click, band and keys; dragging them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QDrag,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyleOptionViewItem, QWidget

from widgets.parts import paint_words
from widgets.sort.grid_layout import GridLayout, Section
from widgets.sort.grid_model import GridModel
from widgets.sort.tile import TileDelegate
from widgets.theme import current_colors

MIME = "application/x-winnow-pictures"
_HEADING = 38
_MARGIN = 8
_STEP = 40
_GAP = 4
_WANT_MS = 60
Index = QModelIndex | QPersistentModelIndex
_Flag = QItemSelectionModel.SelectionFlag
_State = QAbstractItemView.State


class Grid(QAbstractItemView):
    """Shows a `GridModel`. Only what is in sight is looked at, so it does not matter how many pictures there are."""

    chosen = Signal()
    """The selection or the picture with the focus is another now."""
    opened = Signal(str)
    """A double click or Space: the id of a picture to look at closely."""
    section_offer = Signal(str)
    """The key of the section whose offer was clicked."""
    size_wanted = Signal(int)
    """Ctrl+wheel: how many steps larger thumbnails shall be."""

    def __init__(self, model: GridModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = model
        self._band: QPoint | None = None  # where the rubber band began, in the grid's own coordinates
        self._pointer = QPoint()
        self._words = ""
        self._over: Section | None = None
        self.delegate = TileDelegate(self)
        self._layout = GridLayout((), 1, self.delegate.smallest_tile(), _HEADING)
        self.setModel(model)
        self.setItemDelegate(self.delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Pictures to sort"))
        self._soon = QTimer(self, singleShot=True, interval=_WANT_MS)
        self._soon.timeout.connect(self._want_shown)
        self.verticalScrollBar().valueChanged.connect(lambda _: self._soon.start())
        self.doubleClicked.connect(lambda index: self.opened.emit(self._grid.image_id(index.row())))

    # What is shown --------------------------------------------------------------------------------------------------

    def show_pictures(
        self, ids: Sequence[str], sections: Sequence[Section] | None = None, *, anew: bool = False
    ) -> None:
        """Shows these in this order, keeping what is selected and where the view stands.

        When all that was selected is gone (it was filed), the picture now in its place is selected: sorting goes on
        without reaching for the mouse.

        Args:
            anew: another list altogether: it begins at its top with nothing selected.
        """
        kept = set() if anew else set(self.selected_ids())
        first = -1 if anew else min(self._selected_rows(), default=-1)
        current = None if anew else self.current_id()
        at = 0 if anew else self.verticalScrollBar().value()
        self._band = None
        self._grid.show(ids, sections if sections is not None else (Section(0, len(ids)),))
        self._relayout()
        self.verticalScrollBar().setValue(at)
        rows = sorted(row for row in map(self._grid.row_of, kept) if row >= 0)
        if not rows and first >= 0 and ids:
            rows = [min(first, len(ids) - 1)]
            current = ids[rows[0]]
            self.scrollTo(self._grid.index(rows[0]))
        if current is not None and (row := self._grid.row_of(current)) >= 0:
            self.setAutoScroll(False)  # the view stays where the person has scrolled to
            self.selectionModel().setCurrentIndex(self._grid.index(row), _Flag.NoUpdate)
            self.setAutoScroll(True)
        if rows:
            self.select_rows(rows)
        self._soon.start()
        self.chosen.emit()

    @property
    def held(self) -> bool:
        """A band is being drawn or pictures are being dragged: nothing must change under the pointer now."""
        pressed = bool(QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton)
        return pressed and (self._band is not None or self.state() != _State.NoState)

    def set_edge(self, edge: int) -> None:
        """How large thumbnails are, in pixels."""
        self.delegate.edge = edge
        self._keep_in_sight()

    def set_details(self, on: bool) -> None:
        """Names and facts under the pictures."""
        self.delegate.details = on
        self._keep_in_sight()

    def say(self, text: str) -> None:
        """Words in place of pictures."""
        if text != self._words:
            self._words = text
            self.viewport().update()

    # Selection ------------------------------------------------------------------------------------------------------

    def selected_ids(self) -> list[str]:
        """In the order they are shown in."""
        return [self._grid.image_id(row) for row in sorted(self._selected_rows())]

    def current_id(self) -> str | None:
        """The picture with the focus."""
        row = self.currentIndex().row()
        return self._grid.image_id(row) if 0 <= row < self._grid.rowCount() else None

    def following_id(self) -> str | None:
        """The picture that comes after the selected ones; the one before them at the end."""
        rows = self._selected_rows()
        if not rows:
            return None
        row = max(rows) + 1 if max(rows) + 1 < self._grid.rowCount() else min(rows) - 1
        return self._grid.image_id(row) if row >= 0 else None

    def select_ids(self, ids: Iterable[str]) -> None:
        rows = [row for row in map(self._grid.row_of, ids) if row >= 0]
        self.select_rows(rows)
        if rows:
            self.selectionModel().setCurrentIndex(self._grid.index(rows[0]), _Flag.NoUpdate)
            self.scrollTo(self._grid.index(rows[0]))

    def select_rows(self, rows: Iterable[int]) -> None:
        """Selects these and nothing else."""
        selection = QItemSelection()
        for start, end in _runs(sorted(rows)):
            selection.select(self._grid.index(start), self._grid.index(end))
        self.selectionModel().select(selection, _Flag.ClearAndSelect)

    def _selected_rows(self) -> list[int]:
        selection = self.selectionModel().selection()
        ranges = [selection.at(place) for place in range(selection.count())]
        return [row for one in ranges for row in range(one.top(), one.bottom() + 1)]

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        self.viewport().update()
        self.chosen.emit()

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        self.viewport().update()
        self.chosen.emit()

    # What Qt asks of a view -----------------------------------------------------------------------------------------

    def visualRect(self, index: Index) -> QRect:
        if not index.isValid():
            return QRect()
        return self._layout.rect(index.row()).translated(_MARGIN, _MARGIN - self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        at = self._inside(point)
        row = self._layout.row_at(at.x(), at.y())
        # The gap between tiles belongs to none: a rubber band can begin there.
        inside = row >= 0 and self._layout.rect(row).adjusted(_GAP, _GAP, -_GAP, -_GAP).contains(at)
        return self._grid.index(row) if inside else QModelIndex()

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        rect, bar, height = self.visualRect(index), self.verticalScrollBar(), self.viewport().height()
        rect.setTop(rect.top() - self._layout.heading_over(index.row()))
        if hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            bar.setValue(bar.value() + rect.center().y() - height // 2)
        elif rect.top() < 0 or hint == QAbstractItemView.ScrollHint.PositionAtTop:
            bar.setValue(bar.value() + rect.top() - _MARGIN)
        elif rect.bottom() >= height:
            bar.setValue(bar.value() + min(rect.bottom() - height + _MARGIN, rect.top()))

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, _index: Index) -> bool:
        return False

    def moveCursor(self, action: QAbstractItemView.CursorAction, _modifiers: Qt.KeyboardModifier) -> QModelIndex:
        count, row = self._grid.rowCount(), self.currentIndex().row()
        if not count:
            return QModelIndex()
        if row < 0:
            return self._grid.index(0)
        page = max(1, self.viewport().height() // self._layout.tile.height())
        match action:
            case self.CursorAction.MoveLeft | self.CursorAction.MovePrevious:
                row -= 1
            case self.CursorAction.MoveRight | self.CursorAction.MoveNext:
                row += 1
            case self.CursorAction.MoveUp:
                row = self._layout.beside(row, -1)
            case self.CursorAction.MoveDown:
                row = self._layout.beside(row, 1)
            case self.CursorAction.MovePageUp:
                row = self._layout.beside(row, -page)
            case self.CursorAction.MovePageDown:
                row = self._layout.beside(row, page)
            case self.CursorAction.MoveHome:
                row = 0
            case self.CursorAction.MoveEnd:
                row = count - 1
        return self._grid.index(max(0, min(row, count - 1)))

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """A band takes what it touches; a click with Shift, or the keys, all from where they began to here."""
        selection = QItemSelection()
        if self._band is not None:
            band = QRect(self._inside(rect.topLeft()), rect.size()).adjusted(_GAP, _GAP, -_GAP, -_GAP)
            for rows in self._layout.within(band) if band.isValid() else ():
                selection.select(self._grid.index(rows.start), self._grid.index(rows.stop - 1))
        else:
            ends = [self.indexAt(corner) for corner in (rect.topLeft(), rect.bottomRight())]
            rows_ = sorted(end.row() for end in ends if end.isValid())
            if rows_:
                selection.select(self._grid.index(rows_[0]), self._grid.index(rows_[-1]))
        self.selectionModel().select(selection, command)

    def visualRegionForSelection(self, _selection: QItemSelection) -> QRegion:
        return QRegion(self.viewport().rect())

    def updateGeometries(self) -> None:
        super().updateGeometries()
        self._relayout()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._keep_in_sight()
        super().resizeEvent(event)

    # Mouse and keys -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        self._band = None
        if event.button() == Qt.MouseButton.LeftButton and not self.indexAt(at).isValid():
            section = self._layout.heading_at(self._inside(at).y())
            if section is not None and section.title:
                self._use_heading(section, at)
                return
            self._band = self._inside(at)
        self._pointer = at
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = event.position().toPoint()
        super().mouseMoveEvent(event)
        over = self._layout.heading_at(self._inside(self._pointer).y()) if self._band is None else None
        if over is not self._over or self._band is not None:
            self._over = over
            self.viewport().update()
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self._band = None
        self.viewport().update()

    def wheelEvent(self, event: object) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:  # type: ignore[attr-defined]
            self.size_wanted.emit(1 if event.angleDelta().y() > 0 else -1)  # type: ignore[attr-defined]
            event.accept()  # type: ignore[attr-defined]
        else:
            super().wheelEvent(event)  # type: ignore[arg-type]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._selected_rows():
            self.clearSelection()
        elif event.text() and event.text().isprintable() and not event.modifiers():
            event.ignore()  # no search by typing: letters and digits are keys of the window
        else:
            super().keyPressEvent(event)

    def startDrag(self, _actions: Qt.DropAction) -> None:
        ids = self.selected_ids()
        if not ids:
            return
        mime = QMimeData()
        mime.setData(MIME, str(len(ids)).encode())
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.setPixmap(self._drag_picture(ids))
        drag.setHotSpot(QPoint(-12, -10))
        drag.exec(Qt.DropAction.MoveAction | Qt.DropAction.CopyAction, Qt.DropAction.MoveAction)

    # Painting -------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        area = event.rect()
        inside = QRect(self._inside(area.topLeft()), area.size())
        for section, rect in self._layout.headings(inside.top(), inside.bottom() + 1):
            self._paint_heading(painter, section, rect.translated(_MARGIN, _MARGIN - self.verticalOffset()))
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        under = self.indexAt(self.viewport().mapFromGlobal(self.cursor().pos())) if self.underMouse() else QModelIndex()
        selected, current, focus = self.selectionModel(), self.currentIndex().row(), self.hasFocus()
        for rows in self._layout.within(inside):
            for row in rows:
                index = self._grid.index(row)
                one = QStyleOptionViewItem(option)
                one.rect = self.visualRect(index)
                state = QStyle.StateFlag.State_Enabled
                if selected.isSelected(index):
                    state |= QStyle.StateFlag.State_Selected
                if row == current and focus:
                    state |= QStyle.StateFlag.State_HasFocus
                if row == under.row():
                    state |= QStyle.StateFlag.State_MouseOver
                one.state = state
                self.delegate.paint(painter, one, index)
        if self._band is not None and self.state() == _State.DragSelectingState:
            self._paint_band(painter)
        painter.end()
        if not self._grid.rowCount():
            paint_words(self, self._words)

    def _paint_heading(self, painter: QPainter, section: Section, rect: QRect) -> None:
        colors, room = current_colors(), rect.adjusted(8, 8, -10, 0)
        font = self.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(colors.text))
        flags = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(room, flags, section.title)
        after = painter.fontMetrics().horizontalAdvance(section.title) + 10
        painter.setFont(self.font())
        painter.setPen(QColor(colors.muted))
        painter.drawText(room.adjusted(after, 0, 0, 0), flags, section.note)
        if section.offer:
            font = self.font()
            font.setUnderline(self._over is section)
            painter.setFont(font)
            painter.setPen(QColor(colors.accent))
            painter.drawText(room, flags | Qt.AlignmentFlag.AlignRight, section.offer)

    def _paint_band(self, painter: QPainter) -> None:
        assert self._band is not None
        start = self._band - QPoint(-_MARGIN, self.verticalOffset() - _MARGIN)
        soft = QColor(current_colors().accent)
        painter.setPen(QPen(soft, 1))
        soft.setAlpha(40)
        painter.setBrush(soft)
        painter.drawRect(QRect(start, self._pointer).normalized())

    def _drag_picture(self, ids: Sequence[str]) -> QPixmap:
        """Up to three thumbnails fanned out, and how many there are."""
        ratio, size = self.devicePixelRatioF(), QSize(116, 96)
        pixmap = QPixmap(size * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter, colors = QPainter(pixmap), current_colors()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, image_id in reversed(list(enumerate(ids[:3]))):
            image = self._grid.thumbnail(image_id)
            box = QRectF(4 + 9 * place, 4 + 7 * place, 84, 64)
            painter.setPen(QPen(QColor(colors.strong_border), 1))
            painter.setBrush(QColor(colors.surface))
            painter.drawRoundedRect(box, 5, 5)
            if isinstance(image, QImage):
                inner = box.adjusted(3, 3, -3, -3).toRect()
                small = image.scaled(inner.size(), Qt.AspectRatioMode.KeepAspectRatio,
                                     Qt.TransformationMode.SmoothTransformation)  # fmt: skip
                painter.drawImage(inner.center() - small.rect().center(), small)
        text = f"{len(ids):,}"
        width = max(24, painter.fontMetrics().horizontalAdvance(text) + 14)
        badge = QRectF(size.width() - width - 2, size.height() - 26, width, 22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.accent))
        painter.drawRoundedRect(badge, 11, 11)
        painter.setPen(QColor(colors.on_accent))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return pixmap

    # Within ---------------------------------------------------------------------------------------------------------

    def _use_heading(self, section: Section, at: QPoint) -> None:
        """The offer at the right is taken; anywhere else the whole section is selected."""
        offered = self.fontMetrics().horizontalAdvance(section.offer) + 24 if section.offer else 0
        if at.x() > _MARGIN + self._layout.width - offered:
            self.section_offer.emit(section.key)
        else:
            rows = range(section.start + section.spared, section.start + section.count)
            self.select_rows(rows)
            self.selectionModel().setCurrentIndex(self._grid.index(rows.start), _Flag.NoUpdate)

    def _inside(self, point: QPoint) -> QPoint:
        """A point of the viewport in the grid's own coordinates."""
        return QPoint(point.x() - _MARGIN, point.y() - _MARGIN + self.verticalOffset())

    def _keep_in_sight(self) -> None:
        """Lays out anew with the same picture at the top."""
        top = next((rows.start for rows in self._layout.within(QRect(0, self.verticalOffset(), 1, 1 << 20))), -1)
        above = self._layout.rect(top).top() - self.verticalOffset() if top >= 0 else 0
        self._relayout()
        if top >= 0 and self.verticalOffset():
            self.verticalScrollBar().setValue(self._layout.rect(top).top() - above)
        self._soon.start()

    def _relayout(self) -> None:
        # Room for the scroll bar in any case, or its coming and going would reflow the tiles.
        bar_width = self.verticalScrollBar().sizeHint().width()
        width = self.width() - 2 * self.frameWidth() - bar_width - 2 * _MARGIN
        self._layout = GridLayout(self._grid.sections, width, self.delegate.smallest_tile(), _HEADING)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, self._layout.height + 2 * _MARGIN - height))
        bar.setPageStep(height)
        bar.setSingleStep(_STEP)
        self.viewport().update()

    def _want_shown(self) -> None:
        """Thumbnails in sight come first, then a screen below."""
        area = QRect(0, self.verticalOffset(), self._layout.width, 2 * self.viewport().height())
        self._grid.want(row for rows in self._layout.within(area) for row in rows)


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted rows as ranges, both ends included."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found
