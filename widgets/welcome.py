"""The first page: a large place to drop a folder, the sample photographs one click away, recent folders."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QIcon,
    QImageReader,
    QPainter,
    QPainterPath,
    QPixmap,
)
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.recent import RecentFolders
from app.samples import Sample, samples
from widgets.column_page import ColumnPage
from widgets.icons import app_icon
from widgets.models_card import ModelsCard
from widgets.parts import Picture, button, label, restyle, tool

_COLUMN = 860
_SAMPLE = QSize(118, 84)
_RECENT = 6


class Welcome(ColumnPage):
    """What one sees without a folder.

    Args:
        card: the offer of better models; shown between the drop area and the samples.
    """

    open_folder = Signal()
    open_picture = Signal()
    open_sample = Signal(str)  # file name; "" for the whole folder
    open_paths = Signal(list)  # of Path

    def __init__(self, recent: RecentFolders, card: ModelsCard, parent: QWidget | None = None) -> None:
        super().__init__(_COLUMN, parent)
        self._recent = recent
        layout = self.column
        layout.setSpacing(16)
        layout.addLayout(self._title())
        self.drop = DropArea()
        self.drop.folder.clicked.connect(self.open_folder)
        self.drop.picture.clicked.connect(self.open_picture)
        self.drop.dropped.connect(self.open_paths)
        layout.addWidget(self.drop)
        layout.addWidget(card)
        layout.addSpacing(2)
        layout.addLayout(self._samples_head())
        layout.addLayout(self._samples())
        self._recent_title = label(self.tr("Recent folders"), "heading")
        self._recent_rows = QGridLayout()
        self._recent_rows.setSpacing(4)
        layout.addSpacing(2)
        layout.addWidget(self._recent_title)
        layout.addLayout(self._recent_rows)
        layout.addStretch(1)
        recent.changed.connect(self._show_recent)
        self._show_recent()

    def _title(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(14)
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(QSize(48, 48)))
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(label("Winnow", "title"))
        words.addWidget(label(self.tr("Point at things in your pictures; keep the masks as a data set."), "muted"))
        row.addWidget(mark)
        row.addLayout(words)
        row.addStretch(1)
        return row

    def _samples_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(label(self.tr("Try it on a sample photograph"), "heading"))
        row.addStretch(1)
        row.addWidget(button(self.tr("Open all"), lambda: self.open_sample.emit(""), "link"))
        return row

    def _samples(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        shown = samples()[: _COLUMN // (_SAMPLE.width() + 18)]
        for sample in shown:
            row.addWidget(self._sample_button(sample))
        row.addStretch(1)
        return row

    def _sample_button(self, sample: Sample) -> QToolButton:
        made = QToolButton()
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setText(sample.title)
        made.setToolTip(sample.title)
        made.setAccessibleName(self.tr("Open the sample photograph “%1”").replace("%1", sample.title))
        made.setIcon(QIcon(_rounded(sample.file, _SAMPLE)))
        made.setIconSize(_SAMPLE)
        made.setFixedWidth(_SAMPLE.width() + 12)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.clicked.connect(lambda: self.open_sample.emit(sample.file.name))
        return made

    def _show_recent(self) -> None:
        while (item := self._recent_rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        folders = self._recent.all()[:_RECENT]
        self._recent_title.setVisible(bool(folders))
        for number, folder in enumerate(folders):
            row, column = divmod(number, 2)
            self._recent_rows.addWidget(self._recent_row(folder), row, column)

    def _recent_row(self, folder: Path) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        open_it = button(_elided(folder), lambda: self.open_paths.emit([folder]), "flat", "folder")
        open_it.setToolTip(str(folder))
        open_it.setAccessibleName(self.tr("Open %1").replace("%1", str(folder)))
        forget = tool("close", self.tr("Forget %1").replace("%1", str(folder)), lambda: self._recent.remove(folder), 12)
        row.addWidget(open_it, 1)
        row.addWidget(forget)
        return holder


class DropArea(QFrame):
    """Takes folders and pictures that are dropped on it, and has the two buttons for those who do not drag."""

    dropped = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "drop")
        self.setProperty("active", "false")
        self.setAcceptDrops(True)
        self.setMinimumHeight(190)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 22, 20, 22)
        layout.setSpacing(6)
        head = label(self.tr("Drop a folder or pictures here"), "heading")
        text = label(self.tr("Your pictures stay where they are and are never changed."), "muted")
        for line in (head, text):
            line.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.folder = button(self.tr("Open folder…"), None, "primary")
        self.picture = button(self.tr("Open picture…"))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.folder)
        buttons.addWidget(self.picture)
        buttons.addStretch(1)
        layout.addStretch(1)
        layout.addWidget(Picture("images", 44), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(4)
        layout.addWidget(head)
        layout.addWidget(text)
        layout.addSpacing(10)
        layout.addLayout(buttons)
        layout.addStretch(1)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData().urls()):
            restyle(self, "active", "true")
            take_as_copy(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: ARG002
        restyle(self, "active", "false")

    def dropEvent(self, event: QDropEvent) -> None:
        restyle(self, "active", "false")
        take_as_copy(event)
        self.dropped.emit(local_paths(event.mimeData().urls()))


def take_as_copy(event: QDropEvent) -> None:
    """Files that are dropped stay where they are: Windows' Explorer deletes what it was told is moved."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


def local_paths(urls: list[QUrl]) -> list[Path]:
    """The files and folders among dropped addresses."""
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]


def _rounded(file: Path, size: QSize) -> QPixmap:
    """A picture that fills a rounded rectangle, sharp on dense screens."""
    ratio = 2
    wanted = size * ratio
    reader = QImageReader(str(file))
    reader.setAutoTransform(True)
    whole = reader.size()
    if whole.isValid():
        reader.setScaledSize(whole.scaled(wanted, Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    picture = reader.read()
    result = QPixmap(wanted)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    shape = QPainterPath()
    shape.addRoundedRect(0, 0, wanted.width(), wanted.height(), 7 * ratio, 7 * ratio)
    painter.setClipPath(shape)
    painter.drawImage((wanted.width() - picture.width()) // 2, (wanted.height() - picture.height()) // 3, picture)
    painter.end()
    result.setDevicePixelRatio(ratio)
    return result


def _elided(folder: Path) -> str:
    """Name and where it is: "cats  ~/pictures"."""
    parent = str(folder.parent)
    home = str(Path.home())
    if parent.startswith(home):
        parent = "~" + parent[len(home) :]
    where = parent if len(parent) <= 34 else "…" + parent[-33:]
    name = folder.name or str(folder)
    name = name if len(name) <= 26 else name[:25] + "…"
    return f"{name}   {where}"
