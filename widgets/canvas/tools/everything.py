"""Everything: all objects of the picture at once. A click keeps the one under the pointer; Shift marks several."""

from __future__ import annotations

from PySide6.QtGui import QColor, QImage, QPainter

from app.overlays import colour_of
from app.session.everything import EverythingSession
from app.session.pieces import Piece
from widgets.canvas import markers
from widgets.canvas.desk import Desk, Touch
from widgets.canvas.tools.base import Tool, tr

_FILL, _MARKED_FILL = 0.38, 0.62


class EverythingTool(Tool):
    """Needs `desk.everything`; without it there is nothing to show."""

    name = "everything"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._image = QImage()
        self._drawn: tuple[object, ...] = ()
        self._revision = 0
        self._beneath: int | None = None  # the smallest object where Alt+click chose a larger one
        desk.overlay.shapes.changed.connect(self._stale)

    @property
    def hint(self) -> str:
        return tr("A click keeps an object; Shift+click marks several, Enter keeps them. Alt+click: the one around it.")

    @property
    def busy(self) -> bool:
        """Something was merged or split: undo is about that first."""
        session = self._session
        return session is not None and session.can_undo

    @property
    def _session(self) -> EverythingSession | None:
        return self.desk.everything

    def refresh(self) -> None:
        self._stale()

    def press(self, touch: Touch) -> None:
        session = self._session
        if not touch.left or self.desk.writable() is None or session is None:
            return
        under = session.at(touch.at.x(), touch.at.y())
        lit = session.hovered if self._is_chosen(under) else under
        piece = session.at(touch.at.x(), touch.at.y(), lit) if touch.alt else lit
        if piece is None:
            if not touch.shift:
                session.unmark()
        elif touch.shift or touch.control:
            session.mark(piece)
        elif touch.alt:
            self._beneath = None if under is None else under.number
            session.hover(piece)
        else:
            self._keep((piece,))

    def move(self, touch: Touch) -> None:
        session = self._session
        if session is None or touch.alt:
            return
        under = session.at(touch.at.x(), touch.at.y())
        if not self._is_chosen(under):
            self._beneath = None
            session.hover(under)

    def drag(self, touch: Touch) -> None:
        """With Shift: marks all that the pointer passes over."""
        session = self._session
        piece = None if session is None else session.at(touch.at.x(), touch.at.y())
        if session is not None and piece is not None and touch.shift:
            session.mark(piece, on=True)

    def finish(self) -> bool:
        """Keeps what is marked; without marks the piece under the pointer."""
        session = self._session
        if session is None or self.desk.writable() is None:
            return False
        under = session.hovered
        return self._keep(session.marked or (() if under is None else (under,)))

    def cancel(self) -> bool:
        """Marks first, then the search."""
        session = self._session
        if session is None:
            return False
        if session.unmark():
            return True
        was = session.running
        session.stop()
        return was

    def undo(self) -> bool:
        session = self._session
        return session is not None and session.undo()

    def put_down(self) -> None:
        session = self._session
        if session is not None:
            session.hover(None)

    def draw(self, painter: QPainter) -> None:
        session = self._session
        if session is None or self.desk.document is None:
            return
        view = self.desk.view
        key = (self._revision, view.transform, view.viewport.toTuple(), view.ratio)
        if key != self._drawn:
            self._drawn = key
            self._image = self._rendered(session)
        painter.drawImage(0, 0, self._image)
        hovered = session.hovered
        if hovered is not None:
            painter.save()
            painter.setTransform(view.transform, True)
            shape = self.desk.offered_shape(hovered.mask)
            shape.fill(painter, QColor(255, 255, 255), 0.3)
            markers.path(painter, shape.path, markers.ACCENT, 2.4)
            painter.restore()

    def _is_chosen(self, under: Piece | None) -> bool:
        """Alt+click lit a larger object than the one under the pointer, which has not left that one since."""
        session = self._session
        lit = None if session is None else session.hovered
        return lit is not None and under is not None and under.number == self._beneath

    def _keep(self, pieces: tuple[Piece, ...]) -> bool:
        session = self._session
        if session is None or not pieces:
            return False
        self.desk.masks_wanted.emit()
        ids = session.keep(pieces, self.desk.current_class)
        if ids:
            self.desk.selection.set(ids)
            self.desk.created.emit(ids)
        return bool(ids)

    def _rendered(self, session: EverythingSession) -> QImage:
        """All pieces at the present zoom; drawn again only when they or the view change."""
        view = self.desk.view
        size = (view.viewport * view.ratio).toSize()
        image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(0)
        image.setDevicePixelRatio(view.ratio)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setTransform(view.transform)
        marked = {piece.number for piece in session.marked}
        for piece in session.shown:
            shape, color = self.desk.offered_shape(piece.mask), QColor(colour_of(piece.number))
            on = piece.number in marked
            shape.fill(painter, color, _MARKED_FILL if on else _FILL, markers.WHITE if on else color.lighter(125))
        painter.end()
        return image

    def _stale(self) -> None:
        self._revision += 1
        self.desk.repaint.emit()
