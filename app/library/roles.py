"""What a view can ask the `ImageModel` about a row."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from PySide6.QtCore import QCoreApplication, Qt

from app.instance import ImageState, ImageSummary
from app.texts import QT_TRANSLATE_NOOP, counted
from inference.errors import AppError


class Pictures(Protocol):
    """What the answers are made from."""

    def summary(self, image_id: str) -> ImageSummary: ...
    def problem(self, image_id: str) -> AppError | None: ...
    def is_missing(self, image_id: str) -> bool: ...
    def path(self, image_id: str) -> Path: ...


class Role(IntEnum):
    """Besides Qt's own: display (file name), decoration (thumbnail, a QImage), tool tip and accessible text."""

    ID = Qt.ItemDataRole.UserRole + 1  # str: the image id
    PATH = Qt.ItemDataRole.UserRole + 2  # Path
    NAME = Qt.ItemDataRole.UserRole + 3  # str: the file's name
    STATE = Qt.ItemDataRole.UserRole + 4  # ImageState
    COUNT = Qt.ItemDataRole.UserRole + 5  # int: instances
    FLAGGED = Qt.ItemDataRole.UserRole + 6  # bool
    CLASSES = Qt.ItemDataRole.UserRole + 7  # frozenset[int | None]
    NOTE = Qt.ItemDataRole.UserRole + 8  # str
    PROBLEM = Qt.ItemDataRole.UserRole + 9  # AppError | None: why there is no thumbnail
    MISSING = Qt.ItemDataRole.UserRole + 10  # bool: annotated, but the file is gone


def read_role(pictures: Pictures, image_id: str, role: int) -> Any:
    """The answer for a role other than the thumbnail's; None for roles that mean nothing here."""
    if role in (Qt.ItemDataRole.DisplayRole, Role.NAME):
        return shown_name(image_id)
    if role == Role.ID:
        return image_id
    if role in _OF_SUMMARY:
        return _OF_SUMMARY[role](pictures.summary(image_id))
    reader = _OF_PICTURE.get(role)
    return None if reader is None else reader(pictures, image_id)


def shown_name(image_id: str) -> str:
    """The file's name as it can be shown: bytes that are no UTF-8 become question marks."""
    return PurePosixPath(image_id).name.encode("utf-8", "replace").decode()


def _tool_tip(pictures: Pictures, image_id: str) -> str:
    problem, note = pictures.problem(image_id), pictures.summary(image_id).note
    lines = [image_id.encode("utf-8", "replace").decode(), *([note] if note else [])]
    if pictures.is_missing(image_id):
        lines.append(_tr("The file is gone; its annotations are kept."))
    elif problem is not None:
        lines.append(f"{problem.message} {problem.remedy or ''}".strip())
    return "\n".join(lines)


def _spoken(pictures: Pictures, image_id: str) -> str:
    summary = pictures.summary(image_id)
    words = {ImageState.TODO: _tr("to do"), ImageState.DONE: _tr("done"), ImageState.FLAGGED: _tr("flagged")}
    return f"{shown_name(image_id)}, {words[summary.state]}, {counted('ImageModel', _INSTANCES, summary.count)}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("ImageModel", text)


_INSTANCES = QT_TRANSLATE_NOOP("ImageModel", "1 instance"), QT_TRANSLATE_NOOP("ImageModel", "%n instances")


_OF_SUMMARY: dict[int, Callable[[ImageSummary], Any]] = {
    Role.STATE: lambda s: s.state,
    Role.COUNT: lambda s: s.count,
    Role.FLAGGED: lambda s: s.state is ImageState.FLAGGED,
    Role.CLASSES: lambda s: s.classes,
    Role.NOTE: lambda s: s.note,
}
_OF_PICTURE: dict[int, Callable[[Pictures, str], Any]] = {
    Qt.ItemDataRole.ToolTipRole: _tool_tip,
    Qt.ItemDataRole.AccessibleTextRole: _spoken,
    Role.PATH: lambda pictures, i: pictures.path(i),
    Role.PROBLEM: lambda pictures, i: pictures.problem(i),
    Role.MISSING: lambda pictures, i: pictures.is_missing(i),
}
