"""What the canvas tests share: a project with two pictures, a model that is an equation, a hand on the mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QObject, QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.document import Document
from app.instance import Instance, Source, new_id
from app.project import Project
from app.selection import Selection
from app.session.prompting import PromptSession
from inference.errors import AppError
from inference.jobs.full_mask import FullMaskRequest, FullMaskResult
from inference.jobs.segment import SegmentRequest, SegmentResult
from inference.masks import Mask
from inference.protocol import Candidate, Priority, Ticket
from widgets.canvas import Canvas

WIDTH, HEIGHT = 320, 240
LOW = 64
NO_BUTTON = Qt.MouseButton.NoButton
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)


class DiscJobs(QObject):
    """Jobs with a model that answers a point with three discs around it, a box with the box, and − with a hole.

    Answers come from the event loop, as the real runner's do. `hold` keeps them back until `release`.
    """

    started = Signal(object)
    progressed = Signal(object, object)
    succeeded = Signal(object, object)
    failed = Signal(object, object)
    cancelled = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[object] = []
        self.hold = False
        self.error: AppError | None = None
        self._waiting: list[Ticket] = []

    def submit(self, request: object, *, key: str | None = None, priority: Priority = Priority.INTERACTIVE) -> Ticket:
        for old in [t for t in self._waiting if key is not None and t.key == key]:
            self.cancel(old)
        ticket = Ticket(len(self.requests) + 1, request, key, priority)
        self.requests.append(request)
        self._waiting.append(ticket)
        if not self.hold:
            QTimer.singleShot(0, self, self.release)
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            QTimer.singleShot(0, self, lambda: self.cancelled.emit(ticket))

    def release(self) -> None:
        """Answers what waits."""
        waiting, self._waiting = self._waiting, []
        for ticket in waiting:
            if self.error is not None:
                self.failed.emit(ticket, self.error)
            else:
                self.succeeded.emit(ticket, _answer(ticket.request))


def _answer(request: object) -> object:
    if isinstance(request, FullMaskRequest):
        return FullMaskResult(request.image, _full(request.low_res, request.width, request.height))
    assert isinstance(request, SegmentRequest)
    prompts = request.prompts
    radii = (40.0, 25.0, 10.0) if len(prompts.points) == 1 and prompts.box is None else (40.0,)
    candidates = []
    for radius in radii:
        logits = _logits(request, radius)
        mask = _full(logits, WIDTH, HEIGHT) if request.full and radius == radii[0] else None
        candidates.append(Candidate(0.5 + radius / 100, logits, mask))
    return SegmentResult(request.image, tuple(candidates), WIDTH, HEIGHT, 0.01, "CPU", True)


def _logits(request: SegmentRequest, radius: float) -> np.ndarray:
    y, x = np.mgrid[:LOW, :LOW] + 0.5
    x, y = x * WIDTH / LOW, y * HEIGHT / LOW
    logits = np.full((LOW, LOW), -8.0) if request.previous is None else request.previous.astype(float).copy()
    if logits.shape != (LOW, LOW):
        step = logits.shape[0] // LOW
        logits = logits[::step, ::step]
    box = request.prompts.box
    if box is not None:
        logits[(x >= box.x0) & (x < box.x1) & (y >= box.y0) & (y < box.y1)] = 8
    for point in request.prompts.points:
        inside = np.hypot(x - point.x, y - point.y) < radius * (1 if point.positive else 0.4)
        logits[inside] = 8 if point.positive else -8
    return logits.astype(np.float32)


def _full(logits: np.ndarray, width: int, height: int) -> Mask:
    rows, columns = np.arange(height) * logits.shape[0] // height, np.arange(width) * logits.shape[1] // width
    return Mask.from_array(logits[np.ix_(rows, columns)] > 0)


def rectangle(x: int, y: int, width: int, height: int) -> Mask:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[y : y + height, x : x + width] = True
    return Mask.from_array(pixels)


def drawn(mask: Mask, **fields: object) -> Instance:
    return Instance(new_id(), mask, source=Source.IMPORT, **fields)  # type: ignore[arg-type]


class Bench:
    """A canvas on a picture, with everything at hand."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        ramp = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        ramp[..., 0] = np.arange(WIDTH)[None, :] * 255 // WIDTH
        ramp[..., 1] = np.arange(HEIGHT)[:, None]
        ramp[..., 2] = 90
        Image.fromarray(ramp).save(folder / "a.png")
        Image.fromarray(ramp[::-1].copy()).save(folder / "b.png")
        self.project = Project.open(folder)
        self.jobs = DiscJobs()
        self.session = PromptSession(self.jobs)
        self.selection = Selection()
        self.canvas = Canvas()
        self.canvas.resize(640, 480)
        self.canvas.set_session(self.session)
        self.canvas.set_classes(self.project.classes)
        self.messages: list[str] = []
        self.errors: list[AppError] = []
        self.canvas.message.connect(self.messages.append)
        self.session.message.connect(self.messages.append)
        self.canvas.failed.connect(self.errors.append)
        self.session.failed.connect(self.errors.append)
        qtbot.addWidget(self.canvas)
        self.show("a.png")

    @property
    def document(self) -> Document:
        assert self.canvas.document is not None
        return self.canvas.document

    def show(self, image_id: str) -> None:
        document = self.project.document(image_id)
        self.selection.set_document(document)
        self.canvas.set_document(document, self.selection)
        self.canvas.show()
        self.qtbot.waitUntil(lambda: self.canvas.picture.complete)

    def settle(self) -> None:
        """Until nothing is asked, drawn or waited for."""
        self.qtbot.wait(1)
        self.qtbot.waitUntil(lambda: not self.session.is_thinking and self.canvas.overlay.settled)
        QApplication.processEvents()

    def at(self, x: float, y: float) -> QPointF:
        return self.canvas.view.to_view(x, y)

    def seen(self, x: float, y: float) -> QColor:
        """The colour on the screen over an image point."""
        image = self.canvas.grab().toImage()
        spot = self.at(x, y) * image.devicePixelRatio()
        return image.pixelColor(int(spot.x()), int(spot.y()))

    def press(self, x: float, y: float, button: Qt.MouseButton = LEFT, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
        self._mouse(QMouseEvent.Type.MouseButtonPress, x, y, button, button, modifiers)

    def move(
        self, x: float, y: float, held: Qt.MouseButton = NO_BUTTON, modifiers: Qt.KeyboardModifier = PLAIN
    ) -> None:
        self._mouse(QMouseEvent.Type.MouseMove, x, y, NO_BUTTON, held, modifiers)

    def release(
        self, x: float, y: float, button: Qt.MouseButton = LEFT, modifiers: Qt.KeyboardModifier = PLAIN
    ) -> None:
        self._mouse(QMouseEvent.Type.MouseButtonRelease, x, y, button, NO_BUTTON, modifiers)

    def click(self, x: float, y: float, button: Qt.MouseButton = LEFT, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
        self.press(x, y, button, modifiers)
        self.release(x, y, button, modifiers)

    def double_click(self, x: float, y: float) -> None:
        self.click(x, y)
        self._mouse(QMouseEvent.Type.MouseButtonDblClick, x, y, LEFT, LEFT, PLAIN)
        self.release(x, y)

    def drag(
        self,
        *points: tuple[float, float],
        button: Qt.MouseButton = LEFT,
        modifiers: Qt.KeyboardModifier = PLAIN,
    ) -> None:
        self.press(*points[0], button, modifiers)
        for point in points[1:]:
            self.move(*point, button, modifiers)
        self.release(*points[-1], button, modifiers)

    def wheel(self, x: float, y: float, turn: int, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
        spot = self.at(x, y)
        event = QWheelEvent(
            spot, self.canvas.mapToGlobal(spot), QPoint(), QPoint(0, turn), NO_BUTTON, modifiers,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(self.canvas, event)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
        self.qtbot.keyClick(self.canvas, key, modifiers)

    def _mouse(
        self,
        kind: QMouseEvent.Type,
        x: float,
        y: float,
        button: Qt.MouseButton,
        held: Qt.MouseButton,
        modifiers: Qt.KeyboardModifier,
    ) -> None:
        spot = self.at(x, y)
        event = QMouseEvent(kind, spot, self.canvas.mapToGlobal(spot), button, held, modifiers)
        QApplication.sendEvent(self.canvas, event)


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(qtbot, tmp_path)
    yield made
    made.canvas.close_down()
    made.project.close()
