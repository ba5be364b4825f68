"""What the model suggests: the preview under the pointer and the answer to the prompts, drawn above the instances."""

from __future__ import annotations

from PySide6.QtCore import QObject, QRectF, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from app.session.prompting import PromptSession
from inference.protocol import Candidate
from widgets.canvas import markers, shapes
from widgets.canvas.overlay import Overlay
from widgets.canvas.shapes import Shape
from widgets.canvas.view import View


class SuggestionLayer(QObject):
    """Listens to the session and makes shapes ready before they are painted."""

    changed = Signal()

    def __init__(self, view: View, overlay: Overlay, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view, self._overlay = view, overlay
        self._session: PromptSession | None = None
        self._preview: Shape | None = None
        self._shown: Shape | None = None
        self._rough: tuple[Candidate, Shape] | None = None
        overlay.shapes.changed.connect(self.refresh)

    def set_session(self, session: PromptSession | None) -> None:
        if self._session is not None:
            self._session.suggestion_changed.disconnect(self.refresh)
            self._session.hover_changed.disconnect(self._take_preview)
            self._session.classes.changed.disconnect(self.changed)
        self._session = session
        if session is not None:
            session.suggestion_changed.connect(self.refresh)
            session.hover_changed.connect(self._take_preview)
            session.classes.changed.connect(self.changed)
        self.refresh()
        self._take_preview()

    @property
    def visible(self) -> bool:
        """Something is suggested."""
        return self._shown is not None

    def refresh(self) -> None:
        """The suggestion or the zoom changed."""
        candidate = None if self._session is None else self._session.shown
        self._shown = None if candidate is None else self._shape(candidate)
        self.changed.emit()

    def draw(self, painter: QPainter) -> None:
        session = self._session
        if session is None:
            return
        painter.save()
        painter.setTransform(self._view.transform, True)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._view.device_scale < 4)
        if self._shown is not None:
            waiting = session.suggestion is None
            self._shown.fill(painter, markers.ACCENT, 0.22 if waiting else 0.42)
            markers.path(painter, self._shown.path, markers.ACCENT, 1.6, dashed=waiting)
        elif self._preview is not None:
            self._preview.fill(painter, markers.ACCENT, 0.26)
            for color, width in ((QColor(0, 0, 0, 90), 2.6), (QColor(255, 255, 255, 220), 1.3)):
                pen = QPen(color, width)
                pen.setCosmetic(True)
                painter.setPen(pen)
                painter.drawPath(self._preview.path)
        painter.restore()

    def draw_prompts(self, painter: QPainter, hide_box: bool = False) -> None:
        """Box and points, over everything. The painter has no transform."""
        session = self._session
        if session is None:
            return
        box = session.prompts.box
        if box is not None and not hide_box:
            area = self._view.rect_to_view(QRectF(box.x0, box.y0, box.width, box.height))
            verdict = session.verdict(box)
            if verdict is None:
                markers.box(painter, area, dashed=True)
            else:
                markers.judged_box(painter, area, verdict.positive, verdict.coverage, dashed=True)
        for point in session.prompts.points:
            markers.point(painter, self._view.to_view(point.x, point.y), point.positive)

    def _take_preview(self) -> None:
        candidate = None if self._session is None else self._session.preview
        self._preview = None if candidate is None else self._of_logits(candidate)
        self.changed.emit()

    def _shape(self, candidate: Candidate) -> Shape:
        """The exact look where the full-size mask is known, else the rough one."""
        if candidate.mask is not None:
            key = shapes.key_of(candidate.mask, shapes.level_for(self._view.device_scale), self._view.visible())
            exact = self._overlay.shapes.get(key) or self._overlay.shapes.similar(candidate.mask)
            if exact is not None:
                return exact
        if self._rough is None or self._rough[0].low_res is not candidate.low_res:
            self._rough = candidate, self._of_logits(candidate)
        return self._rough[1]

    def _of_logits(self, candidate: Candidate) -> Shape:
        document = None if self._session is None else self._session.document
        if document is None or self._session is None:
            return shapes.NOTHING
        return shapes.of_logits(candidate.low_res, document.width, document.height, self._session.options.threshold)
