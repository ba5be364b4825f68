"""Pictures before and after the cut, as they come: the newest first, the last few hundred."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPalette, QPixmap
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.cutouts.places import NONE_OF_THESE
from app.cutouts.run import Outcome
from widgets.parts import named, paint_words

KEPT = 300
_Index = QModelIndex | QPersistentModelIndex
_SIDE, _PAD, _TEXT = 150, 10, 44


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """What one place shows. `before` and `after` are null for a picture that failed."""

    name: str
    words: str
    before: QImage
    after: QImage
    ok: bool


def tile_of(outcome: Outcome) -> Tile:
    """The tile of an outcome; decodes its small pictures."""
    if outcome.record is None:
        words = outcome.error.message if outcome.error is not None else ""
        return Tile(outcome.source.name, words, QImage(), QImage(), ok=False)
    record = outcome.record
    if record.scores:
        words = f"{record.label or NONE_OF_THESE} · {max(record.scores.values()):.0%}"
    else:
        words = Path(record.file).suffix.lstrip(".").upper()
    before, after = QImage.fromData(outcome.before), QImage.fromData(outcome.after)
    return Tile(outcome.source.name, words, before, after, ok=True)


class TileModel(QAbstractListModel):
    """The tiles, newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tiles: deque[Tile] = deque()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._tiles)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        tile = self._tiles[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return f"{tile.name}\n{tile.words}" if role == Qt.ItemDataRole.ToolTipRole else f"{tile.name}: {tile.words}"
        return tile if role == Qt.ItemDataRole.UserRole else None

    def add(self, tile: Tile) -> None:
        self.beginInsertRows(QModelIndex(), 0, 0)
        self._tiles.appendleft(tile)
        self.endInsertRows()
        if len(self._tiles) > KEPT:
            last = len(self._tiles) - 1
            self.beginRemoveRows(QModelIndex(), last, last)
            self._tiles.pop()
            self.endRemoveRows()

    def clear(self) -> None:
        self.beginResetModel()
        self._tiles.clear()
        self.endResetModel()

    def tiles(self) -> Iterable[Tile]:
        return tuple(self._tiles)


class CutoutGrid(QListView):
    """The grid."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = TileModel(self)
        self._words = ""
        self.setModel(self._model)
        self.setItemDelegate(_Pair(self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSpacing(6)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        named(self, self.tr("Pictures before and after"))

    def add(self, outcome: Outcome) -> None:
        self._model.add(tile_of(outcome))

    def clear(self, words: str = "") -> None:
        """Empties it; `words` say why it is empty."""
        self._words = words
        self._model.clear()

    def tiles(self) -> Iterable[Tile]:
        return self._model.tiles()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        paint_words(self, "" if self._model.rowCount() else self._words)


class _Pair(QStyledItemDelegate):
    """The picture, the cut-out on a checkerboard, the name, and what it is or why it failed."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(2 * _SIDE + 3 * _PAD, _SIDE + _TEXT + 2 * _PAD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        tile = index.data(Qt.ItemDataRole.UserRole)
        palette = option.palette
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        rim = QPainterPath()
        rim.addRoundedRect(option.rect.toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 10, 10)
        painter.fillPath(rim, palette.color(QPalette.ColorRole.AlternateBase))
        faint = palette.color(QPalette.ColorRole.Text)
        faint.setAlphaF(0.14)
        painter.strokePath(rim, faint)
        left = QRect(option.rect.left() + _PAD, option.rect.top() + _PAD, _SIDE, _SIDE)
        right = left.translated(_SIDE + _PAD, 0)
        text = QRect(left.left(), left.bottom() + 6, 2 * _SIDE + _PAD, _TEXT)
        if tile.ok:
            _fit(painter, tile.before, left)
            painter.fillRect(_fitted(tile.after.size(), right), _checkerboard(palette))
            _fit(painter, tile.after, right)
            painter.setPen(faint)  # white cut-outs end somewhere too
            painter.drawRect(_fitted(tile.after.size(), right))
        ink = palette.color(QPalette.ColorRole.Text)
        height = painter.fontMetrics().height()
        _line(painter, tile.name, text, ink)
        ink.setAlphaF(0.65)
        _line(painter, tile.words, text.translated(0, height + 1), ink if tile.ok else QColor("#e5484d"))
        painter.restore()


def _line(painter: QPainter, words: str, box: QRect, ink: QColor) -> None:
    painter.setPen(ink)
    shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, shown)


def _fitted(size: QSize, box: QRect) -> QRect:
    inner = QRect(box.topLeft(), size.scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio))
    inner.moveCenter(box.center())
    return inner


def _fit(painter: QPainter, image: QImage, box: QRect) -> None:
    painter.drawImage(_fitted(image.size(), box), image)


def _checkerboard(palette: QPalette) -> QBrush:
    dark = palette.color(QPalette.ColorRole.Base).lightness() < 128
    board = QPixmap(16, 16)
    board.fill(QColor("#3a4350" if dark else "#f6f8fa"))
    painter = QPainter(board)
    for corner in ((0, 0), (8, 8)):
        painter.fillRect(*corner, 8, 8, QColor("#2b333e" if dark else "#dfe4ea"))
    painter.end()
    return QBrush(board)
