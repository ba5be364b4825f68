"""What is known about the shown picture, its state (to do, done, flagged) and the person's note."""

from __future__ import annotations

import logging
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.instance import ImageState
from widgets.icons import icon
from widgets.parts import Eliding, bytes_text, label, reported

log = logging.getLogger(__name__)

_NOTE_MS = 800
_ORIENTATION_TAG = 0x0112
STATE_ICONS = {ImageState.TODO: "todo", ImageState.DONE: "done", ImageState.FLAGGED: "flag"}


class PropertiesPanel(QWidget):
    """Shows one document; writes its state and note."""

    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document: Document | None = None
        self._filling = False
        self._states = QButtonGroup(self)
        self._facts: dict[str, QLabel] = {}
        self.name = Eliding(Qt.TextElideMode.ElideMiddle)
        self.note = _Note()
        self._typing = QTimer(self, singleShot=True, interval=_NOTE_MS)
        self._typing.timeout.connect(self._write_note)
        self.note.textChanged.connect(self._on_typing)
        self.note.left.connect(self._write_note)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(8)
        layout.addLayout(self._state_row())
        layout.addLayout(self._fact_rows())
        layout.addWidget(label(self.tr("Note"), "section"))
        layout.addWidget(self.note, 1)
        self.set_document(None)

    def set_document(self, document: Document | None) -> None:
        self._write_note()
        if self._document is not None:
            self._document.meta_changed.disconnect(self._refresh)
        self._document = document
        if document is not None:
            document.meta_changed.connect(self._refresh)
        self.setEnabled(document is not None)
        self._show_facts()
        self._refresh()

    def state_button(self, state: ImageState) -> QToolButton:
        found = self._states.button(list(ImageState).index(state))
        assert isinstance(found, QToolButton)
        return found

    def _state_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        texts = {
            ImageState.TODO: self.tr("To do"),
            ImageState.DONE: self.tr("Done"),
            ImageState.FLAGGED: self.tr("Flagged"),
        }
        for number, (state, text) in enumerate(texts.items()):
            made = QToolButton()
            made.setText(text)
            made.setIcon(icon(STATE_ICONS[state]))
            made.setIconSize(QSize(16, 16))
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            made.setCheckable(True)
            made.setAccessibleName(self.tr("State of the picture: %1").replace("%1", text))
            self._states.addButton(made, list(ImageState).index(state))
            row.addWidget(made, number >= 0)
        self._states.idClicked.connect(self._on_state)
        row.addStretch(1)
        return row

    def _fact_rows(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(4)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow(label(self.tr("File"), "muted"), self.name)
        rows = {
            "size": self.tr("Pixels"),
            "kind": self.tr("Kind"),
            "turned": self.tr("Rotation"),
        }
        for key, text in rows.items():
            value = label()
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setWordWrap(True)
            self._facts[key] = value
            form.addRow(label(text, "muted"), value)
        return form

    def _show_facts(self) -> None:
        document = self._document
        facts = dict.fromkeys(self._facts, "–")
        if document is not None:
            if document.width:
                megapixels = document.width * document.height / 1e6
                facts["size"] = f"{document.width} × {document.height} ({megapixels:.1f} MP)"
            facts |= self._file_facts(document.path)
        for key, text in facts.items():
            self._facts[key].setText(text)
        self.name.say(document.path.name if document is not None else "–")
        self.name.setToolTip(str(document.path) if document is not None else "")

    def _file_facts(self, path: Path) -> dict[str, str]:
        try:
            size = path.stat().st_size
            with Image.open(path) as picture:
                turned = int(picture.getexif().get(_ORIENTATION_TAG, 1))
                kind = f"{picture.format}, {picture.mode}"
        except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            log.info("%s: nothing to show about it: %s", path, error)  # the canvas says it to the person
            return {}
        return {
            "kind": f"{kind}, {bytes_text(size)}",
            "turned": self._rotation(turned),
        }

    def _rotation(self, orientation: int) -> str:
        turns = {3: "180°", 4: "180°", 5: "90°", 6: "90°", 7: "270°", 8: "270°"}
        parts = [turns[orientation]] if orientation in turns else []
        if orientation in (2, 4, 5, 7):
            parts.append(self.tr("mirrored"))
        return self.tr("%1, from EXIF").replace("%1", ", ".join(parts)) if parts else self.tr("none")

    def _refresh(self) -> None:
        document = self._document
        self._filling = True
        state = document.state if document is not None else ImageState.TODO
        self.state_button(state).setChecked(True)
        editable = document is not None and not document.read_only
        for made in self._states.buttons():
            made.setEnabled(editable)
        note = document.note if document is not None else ""
        if self.note.toPlainText().strip() != note:
            self.note.setPlainText(note)
        self.note.setReadOnly(not editable)
        self.note.setPlaceholderText(self.tr("Anything worth knowing about this picture") if editable else "")
        self._filling = False

    def _on_state(self, number: int) -> None:
        if self._document is not None:
            with reported(self.failed):
                self._document.set_state(list(ImageState)[number])
            self._refresh()

    def _on_typing(self) -> None:
        if not self._filling:
            self._typing.start()

    def _write_note(self) -> None:
        self._typing.stop()
        document = self._document
        if document is not None and not document.read_only and not self._filling:
            with reported(self.failed):
                document.set_note(self.note.toPlainText().strip())


class _Note(QPlainTextEdit):
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Note on the picture"))
        self.setTabChangesFocus(True)
        self.setMinimumHeight(60)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()
