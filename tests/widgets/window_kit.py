"""What the window's tests share: a runner whose model is an equation, and a whole window on folders of real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import qasync
from PIL import Image
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.document import Document
from app.settings import Settings
from inference.errors import AppError
from inference.everything import FoundMask
from inference.jobs.download import DownloadRequest
from inference.jobs.everything import EverythingRequest, EverythingResult
from inference.jobs.full_mask import FullMaskRequest, FullMaskResult
from inference.jobs.load_model import LoadModelRequest, LoadModelResult
from inference.jobs.prefetch import PrefetchRequest, PrefetchResult
from inference.jobs.segment import SegmentRequest, SegmentResult
from inference.jobs.text_segment import (
    TextSegmentItem,
    TextSegmentReady,
    TextSegmentRequest,
    TextSegmentResult,
)
from inference.masks import Mask
from inference.pictures import read_size
from inference.prompts import Box, Prompts
from inference.protocol import Candidate, Priority, Progress, Ticket
from inference.text_segment import Parts, WordMask
from widgets.application import make_application
from widgets.main_window import MainWindow
from widgets.services import Services
from widgets.theme import Theme

LOW = 64


class EquationRunner(QObject):
    """Speaks as `ThreadRunner` does and answers from the event loop: a disc around a point, the box of a box.

    Requests of a type in `errors` fail; those of a type in `held` wait for `let_go`.
    """

    started = Signal(object)
    progressed = Signal(object, object)
    succeeded = Signal(object, object)
    failed = Signal(object, object)
    cancelled = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.errors: dict[type, AppError] = {}
        self.held: set[type] = set()
        self.waiting: list[Ticket] = []
        self.closed = False

    def submit(self, request: Any, *, key: str | None = None, priority: Priority = Priority.INTERACTIVE) -> Ticket:
        ticket = Ticket(len(self.requests) + 1, request, key, priority)
        self.requests.append(request)
        self.waiting.append(ticket)
        QTimer.singleShot(0, self, lambda: self._begin(ticket))
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        if ticket in self.waiting:
            self.waiting.remove(ticket)
            QTimer.singleShot(0, self, lambda: self.cancelled.emit(ticket))

    def close(self) -> None:
        self.closed = True
        self.waiting.clear()

    def of(self, kind: type) -> list[Any]:
        """The requests of a kind so far."""
        return [request for request in self.requests if isinstance(request, kind)]

    def report(self, kind: type, done: int, total: int, message: str = "") -> None:
        """Progress of the waiting job of a kind."""
        ticket = next(t for t in self.waiting if isinstance(t.request, kind))
        self.progressed.emit(ticket, Progress(done, total, message))

    def let_go(self, kind: type, result: Any = None) -> None:
        """Answers the jobs of a kind that were held."""
        self.held.discard(kind)
        for ticket in [t for t in self.waiting if isinstance(t.request, kind)]:
            self._answer(ticket, result)

    def _begin(self, ticket: Ticket) -> None:
        if ticket in self.waiting:
            self.started.emit(ticket)
            if type(ticket.request) not in self.held:
                self._answer(ticket)

    def _answer(self, ticket: Ticket, result: Any = None) -> None:
        self.waiting.remove(ticket)
        error = self.errors.get(type(ticket.request))
        if error is not None:
            self.failed.emit(ticket, error)
        else:
            if isinstance(ticket.request, TextSegmentRequest):
                ready, item = _words(ticket.request)
                self.progressed.emit(ticket, Progress(0, 100, "", ready))
                self.progressed.emit(ticket, Progress(100, 100, "", item))
                result = TextSegmentResult((), ready, 0.1)
            self.succeeded.emit(ticket, result or _answer(ticket.request))


def _answer(request: Any) -> Any:
    match request:
        case LoadModelRequest():
            return LoadModelResult(request.model, "equation", 0.0)
        case PrefetchRequest():
            return PrefetchResult(request.image, 0.2, False)
        case FullMaskRequest():
            return FullMaskResult(request.image, _full(request.low_res, request.width, request.height))
        case SegmentRequest():
            width, height = read_size(request.image.path)
            logits = [_logits(request.prompts, width, height, share) for share in (0.2, 0.12, 0.05)]
            first = Candidate(0.9, logits[0], _full(logits[0], width, height))
            rest = [Candidate(0.5 - 0.1 * n, low) for n, low in enumerate(logits[1:])]
            return SegmentResult(request.image, (first, *rest), width, height, 0.01, "equation", True)
        case EverythingRequest():
            return _everything(request)
        case DownloadRequest():
            return None
    raise AssertionError(request)


def _logits(prompts: Prompts, width: int, height: int, share: float) -> np.ndarray:
    y, x = np.mgrid[:LOW, :LOW] + 0.5
    x, y = x * width / LOW, y * height / LOW
    inside = np.zeros((LOW, LOW), bool)
    if prompts.box is not None:
        box = prompts.box
        inside |= (x >= box.x0) & (x < box.x1) & (y >= box.y0) & (y < box.y1)
    for point in prompts.points:
        near = np.hypot(x - point.x, y - point.y) < share * max(width, height)
        inside = inside | near if point.positive else inside & ~near
    return np.where(inside, 8.0, -8.0).astype(np.float32)


def _everything(request: EverythingRequest) -> EverythingResult:
    """A large box with a small one in it, another beside them, and one the model is not sure of."""
    width, height = read_size(request.image.path)
    boxes = (0.1, 0.1, 0.4, 0.7, 0.95), (0.2, 0.2, 0.15, 0.2, 0.9), (0.6, 0.2, 0.3, 0.5, 0.8), (0.0, 0.9, 0.9, 0.1, 0.3)
    found = []
    for number, (x, y, w, h, score) in enumerate(boxes, 1):
        pixels = np.zeros((height, width), bool)
        pixels[int(y * height) : int((y + h) * height), int(x * width) : int((x + w) * width)] = True
        point = ((x + w / 2) * width, (y + h / 2) * height)
        found.append(FoundMask(Mask.from_array(pixels), score, 0.97, point, (0, 0, width, height), number))
    return EverythingResult(request.image, tuple(found), width, height, 0.1, "equation", request.model)


def _words(request: TextSegmentRequest) -> tuple[TextSegmentReady, TextSegmentItem]:
    """Of every phrase but "a quasar", which nobody knows, a box that fits well and one that fits less.

    What is "surely" something was found by a detector that understands words.
    """
    (image,) = request.images
    width, height = read_size(image.path)
    unknown = tuple(phrase for phrase in request.phrases if phrase == "a quasar")
    strange = ("striped",) if any("striped" in phrase for phrase in request.phrases) else ()
    found = []
    for number, phrase in enumerate(p for p in request.phrases if p not in unknown):
        for x, text in ((0.05 + 0.25 * number, 0.9), (0.6 + 0.1 * number, 0.45)):
            box = Box(x * width, 0.2 * height, (x + 0.2) * width, 0.6 * height)
            logits = _logits(Prompts((), box), width, height, 0)
            parts = Parts(text, 0.5, 1.0, 0.8)
            mask = _full(logits, width, height)
            total, sure = parts.total(request.options.weights), phrase.startswith("surely")
            found.append(WordMask(phrase, mask, total, parts, 0.7, Prompts((), box), logits, sure=sure))
    ready = TextSegmentReady("clip", "", request.members, (), unknown, (), "equation", strange)
    return ready, TextSegmentItem(image, tuple(found), (), width, height, 0.1)


def _full(logits: np.ndarray, width: int, height: int) -> Mask:
    rows, columns = np.arange(height) * LOW // height, np.arange(width) * LOW // width
    return Mask.from_array(logits[np.ix_(rows, columns)] > 0)


def pictures(folder: Path, names: tuple[str, ...] = ("a.png", "b.png", "c.png", "sub/d.png")) -> Path:
    """A folder of small pictures."""
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((90, 120, 3), 40 + 40 * (number % 5), np.uint8)
        pixels[20:60, 30:80] = (200, 120, 40)
        Image.fromarray(pixels).save(file)
    return folder


class Desktop:
    """A window with everything behind it, and what a person does there."""

    def __init__(self, qtbot: QtBot, home: Path, runner: Any = None) -> None:
        self.qtbot = qtbot
        self.app = make_application()
        assert isinstance(self.app, QApplication)
        self.settings = Settings(home / "config" / "settings.json")
        self.theme = Theme(self.app, "light")
        self.loop = qasync.QEventLoop(self.app)
        self.runner = runner or EquationRunner()
        self.services = Services.make(self.settings, self.runner, self.loop)
        self.window = MainWindow(self.services)
        self.window.show()
        self.closed = False
        qtbot.waitExposed(self.window)

    @property
    def document(self) -> Document:
        document = self.services.desk.document
        assert document is not None
        return document

    @property
    def canvas(self) -> Any:
        return self.window.annotate.canvas

    def do(self, action_id: str) -> None:
        action = self.window.actions_[action_id]
        assert action.isEnabled(), action_id
        action.trigger()

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=20000)

    def open(self, folder: Path) -> None:
        """Opens a folder and waits until its first picture is shown and all are listed."""
        self.window.open_paths([folder])
        self.until(lambda: self.services.desk.document is not None and not self.services.desk.images.is_scanning)

    def point(self, x: float, y: float) -> None:
        """A prompt on the picture, answered."""
        session = self.services.session
        session.add_point(x, y)
        self.until(lambda: session.suggestion is not None and session.suggestion.mask is not None)

    def accept(self) -> str:
        """Accepts the suggestion; the id of the new instance."""
        before = len(self.document)
        self.do("accept")
        self.until(lambda: len(self.document) == before + 1)
        return self.document.instances[-1].id

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.window.close()
            self.window.deleteLater()
            self.loop.close()
            self.app.setStyleSheet("")
            self.theme.deleteLater()
