"""How the canvas looks and where it looks: display, brush size, zoom and pan."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Signal

from widgets.canvas.commands import CanvasCommands
from widgets.canvas.hand import Hand
from widgets.canvas.overlay import Overlay, Style
from widgets.canvas.suggestion import SuggestionLayer
from widgets.canvas.tools.brush import LARGEST, SMALLEST

_ZOOM_STEP = 1.25


class CanvasLooks(CanvasCommands):
    """The part of `Canvas` between its commands and its painting. Nothing here changes an instance."""

    view_changed = Signal(float)
    brush_changed = Signal(float)
    lasso_changed = Signal(bool)
    display_changed = Signal()
    masks_hidden = Signal(bool)

    overlay: Overlay
    suggestion: SuggestionLayer
    hand: Hand
    _cross_hair, _grid = False, True

    # Display -----------------------------------------------------------------------------------------------------

    @property
    def style_of_masks(self) -> Style:
        return self.overlay.scene.style

    def set_display(
        self,
        opacity: float | None = None,
        outline: bool | None = None,
        color_by: str | None = None,
        *,
        labels: bool | None = None,
        boxes: bool | None = None,
        crosshair: bool | None = None,
        grid: bool | None = None,
        hidden: bool | None = None,
    ) -> None:
        """Changes how things look; what is left out stays. `opacity` is 0..1, `color_by` "instance" or "class"."""
        given = {"opacity": opacity, "outline": outline, "color_by": color_by, "labels": labels, "boxes": boxes}
        style = self.overlay.scene.style
        fields = {name: getattr(style, name) if value is None else value for name, value in given.items()}
        self.overlay.set_scene(style=Style(**fields))  # type: ignore[arg-type]
        self._cross_hair = self._cross_hair if crosshair is None else crosshair
        self._grid = self._grid if grid is None else grid
        if hidden is not None and hidden != self.desk.masks_hidden:
            self.desk.masks_hidden = hidden
            self.masks_hidden.emit(hidden)
        self.display_changed.emit()
        self.update()

    @property
    def brush_size(self) -> float:
        return self.desk.brush_size

    def set_brush_size(self, pixels: float) -> None:
        """Diameter of brush and eraser in image pixels."""
        size = min(max(pixels, SMALLEST), LARGEST)
        if size != self.desk.brush_size:
            self.desk.brush_size = size
            self.brush_changed.emit(size)
            self.update()

    def smaller_brush(self) -> None:
        self.set_brush_size(min(self.brush_size / 1.2, self.brush_size - 1))

    def larger_brush(self) -> None:
        self.set_brush_size(max(self.brush_size * 1.2, self.brush_size + 1))

    def set_lasso_as_prompt(self, ask: bool) -> None:
        """Whether the lasso asks the model instead of filling; Alt turns it round."""
        if ask != self.desk.lasso_as_prompt:
            self.desk.lasso_as_prompt = ask
            self.lasso_changed.emit(ask)

    # Seeing ------------------------------------------------------------------------------------------------------

    def toggle_masks(self) -> None:
        self.set_display(hidden=not self.desk.masks_hidden)

    def fit(self) -> None:
        self.view.fit()
        self._on_view()

    def actual_size(self) -> None:
        self.view.actual_size(self.hand.anchor)
        self._on_view()

    def zoom_in(self) -> None:
        self.zoom_by(_ZOOM_STEP)

    def zoom_out(self) -> None:
        self.zoom_by(1 / _ZOOM_STEP)

    def zoom_by(self, factor: float, anchor: QPointF | None = None) -> None:
        """Larger or smaller around a point of the widget; by default the pointer, else the middle."""
        self.view.zoom(factor, anchor if anchor is not None else self.hand.anchor)
        self._on_view()

    def zoom_to(self, rect: QRectF) -> None:
        self.view.zoom_to(rect)
        self._on_view()

    def pan(self, delta: QPointF) -> None:
        self.view.pan(delta)
        self._on_view()

    def _on_view(self) -> None:
        self.overlay.view_changed()
        self.suggestion.refresh()
        self.hand.view_moved()
        self.view_changed.emit(self.view.device_scale)
        self.update()
