"""How the canvas shows a picture: transform, tiles, zoom, pan, read-out, display, broken pictures, focus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from inference.errors import Cancelled
from inference.masks import Mask
from tests.widgets.canvas_kit import ALT, CTRL, HEIGHT, LEFT, MIDDLE, WIDTH, Bench, bench, drawn, rectangle
from widgets.canvas import pyramid, shapes
from widgets.canvas.picture import Picture
from widgets.canvas.view import View

__all__ = ["bench"]


def test_zoom_holds_the_point_under_the_pointer() -> None:
    view = View()
    view.set_viewport(QSizeF(800, 600), 1.0)
    view.set_image(4000, 3000)
    anchor = QPointF(200, 150)
    held = view.to_image(anchor)
    view.zoom(3.0, anchor)
    assert (view.to_view(held.x(), held.y()) - anchor).manhattanLength() < 1.5
    view.fit()
    assert view.rect_to_view(QRectF(0, 0, 4000, 3000)).width() <= 800


def test_zoom_has_ends_and_the_picture_stays_in_sight() -> None:
    view = View()
    view.set_viewport(QSizeF(800, 600), 2.0)
    view.set_image(100, 100)
    for _ in range(60):
        view.zoom(2)
    assert view.device_scale == pytest.approx(64)
    view.pan(QPointF(1e6, -1e6))
    assert not view.visible().isEmpty()
    for _ in range(60):
        view.zoom(0.5)
    assert view.scale > 0.1


def test_a_fitted_picture_stays_fitted_when_the_window_grows() -> None:
    view = View()
    view.set_viewport(QSizeF(400, 300), 1.0)
    view.set_image(2000, 1000)
    view.set_viewport(QSizeF(800, 600), 1.0)
    assert view.scale == pytest.approx((800 - 24) / 2000)


def test_halving_is_the_mean_and_rounds_up() -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    half = pyramid.halved(pixels)
    assert half.shape == (3, 4, 3)
    assert abs(int(half[0, 0, 0]) - int(pixels[:2, :2, 0].mean())) <= 1


def test_every_level_of_the_pyramid_shows_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyramid, "RAM_PIXELS", 1000)  # so that it lives in a file
    ramp = np.zeros((2300, 5000, 3), np.uint8)
    ramp[:] = (np.arange(5000) // 20)[None, :, None]
    Image.fromarray(ramp).save(tmp_path / "wide.png")
    built = pyramid.build(tmp_path / "wide.png")
    assert [level.shape[:2] for level in built.levels] == [(2300, 5000), (1150, 2500), (575, 1250)]
    assert isinstance(built.levels[0], np.memmap)
    assert built.pixel(4000, 100) == (200, 200, 200)
    assert abs(int(built.levels[2][100, 1000, 0]) - 200) <= 1
    assert [built.level_for(s) for s in (4, 1, 0.6, 0.5, 0.25, 0.01)] == [0, 0, 0, 1, 2, 2]
    assert built.tile(0, 9, 4).shape == (2300 - 4 * 512, 5000 - 9 * 512, 3)


def test_tiles_come_as_they_are_seen_and_memory_is_bounded(qtbot: QtBot, tmp_path: Path) -> None:
    from PySide6.QtGui import QImage, QPainter

    Image.new("RGB", (6000, 4000), (10, 200, 30)).save(tmp_path / "big.jpg")
    picture = Picture(cache_bytes=6 << 20)
    picture.open(tmp_path / "big.jpg", 6000, 4000)
    qtbot.waitUntil(lambda: picture.complete, timeout=20000)
    view = View()
    view.set_viewport(QSizeF(800, 600), 1.0)
    view.set_image(6000, 4000)
    view.actual_size()
    surface = QImage(800, 600, QImage.Format.Format_RGB32)
    for step in range(6):
        painter = QPainter(surface)
        picture.draw(painter, view)  # what is missing is drawn from the coarse level
        painter.end()
        colour = surface.pixelColor(400, 300)
        assert abs(colour.green() - 200) < 6 and abs(colour.red() - 10) < 6
        qtbot.waitUntil(lambda: not picture.pending, timeout=20000)
        assert picture.cached_bytes <= 6 << 20
        view.pan(QPointF(-500 if step % 2 else -100, -300))
    picture.close()


def test_the_pointer_reads_position_and_colour(bench: Bench) -> None:
    seen: list[tuple[float, float, object]] = []
    bench.canvas.cursor_moved.connect(lambda x, y, rgb: seen.append((x, y, rgb)))
    bench.move(160.5, 120.5)
    x, y, rgb = seen[-1]
    assert (round(x, 1), round(y, 1)) == (160.5, 120.5) and rgb == (127, 120, 90)
    with bench.qtbot.waitSignal(bench.canvas.cursor_left):
        bench.move(-5, 10)  # beside the picture there is nothing to read
    assert len(seen) == 1


def test_wheel_pinch_keys_and_buttons_move_the_view(bench: Bench) -> None:
    canvas, scales = bench.canvas, []
    canvas.view_changed.connect(scales.append)
    spot = bench.at(100, 100)
    bench.wheel(100, 100, 120)
    assert scales[-1] > 1.2 and (bench.at(100, 100) - spot).manhattanLength() < 1.5
    bench.wheel(100, 100, -120, CTRL)
    canvas.actual_size()
    assert scales[-1] == pytest.approx(1.0)
    offset = QPointF(canvas.view.offset)
    bench.drag((100, 100), (150, 120), button=MIDDLE)
    assert canvas.view.offset != offset and not bench.document.instances
    offset = QPointF(canvas.view.offset)
    bench.qtbot.keyPress(canvas, Qt.Key.Key_Space)
    bench.drag((100, 100), (120, 110), button=LEFT)
    bench.qtbot.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.view.offset != offset and not bench.session.active
    canvas.zoom_in()
    canvas.zoom_out()
    canvas.fit()
    assert canvas.view.fitted


def test_a_pan_and_a_zoom_leave_the_overlay_where_the_picture_is(bench: Bench) -> None:
    blue = bench.project.classes.add("blue", color="#2050ff")
    bench.document.add([drawn(rectangle(100, 60, 80, 60), class_id=blue.id)])
    bench.canvas.set_display(opacity=1.0, color_by="class", outline=False)
    bench.canvas.actual_size()
    bench.settle()
    ink = bench.canvas.overlay.color(bench.document.instances[0])
    for shift in (QPointF(0, 0), QPointF(37, -21), QPointF(-60, 15)):
        bench.canvas.pan(shift)
        for x, y, inside in ((101.5, 61.5, True), (178.5, 118.5, True), (98.5, 61.5, False), (181.5, 118.5, False)):
            colour = bench.seen(x, y)
            close = abs(colour.hue() - ink.hue()) < 4 and colour.value() > 100
            assert close == inside, (shift, x, y)


def test_alt_wheel_and_keys_size_the_brush(bench: Bench) -> None:
    sizes: list[float] = []
    bench.canvas.brush_changed.connect(sizes.append)
    bench.canvas.set_tool("brush")
    bench.canvas.set_brush_size(20)
    bench.wheel(100, 100, 120, ALT)
    assert sizes[-1] > 20
    bench.canvas.smaller_brush()
    bench.canvas.set_brush_size(0)
    assert bench.canvas.brush_size == 1
    bench.canvas.grab()


def test_masks_can_be_hidden_and_styled(bench: Bench) -> None:
    label = bench.project.classes.add("thing", color="#ff0000")
    bench.document.add([drawn(rectangle(50, 50, 100, 100), class_id=label.id)])
    canvas = bench.canvas
    canvas.set_display(opacity=1.0, outline=False, color_by="class", labels=True, boxes=True, crosshair=True, grid=True)
    bench.settle()
    assert bench.seen(100, 100).name() == "#ff0000"
    bench.project.classes.set_color(label.id, "#00ff00")
    bench.settle()
    assert bench.seen(100, 100).name() == "#00ff00"
    hidden: list[bool] = []
    canvas.masks_hidden.connect(hidden.append)
    canvas.toggle_masks()
    assert hidden == [True] and bench.seen(100, 100).name() != "#00ff00"
    canvas.toggle_masks()
    bench.move(100, 100)
    canvas.zoom_to(QRectF(95, 95, 10, 10))  # the pixel grid shows
    canvas.grab()


def test_shapes_of_large_masks_are_cut_to_what_is_seen() -> None:
    mask = Mask.from_polygons([[(0, 0), (5000, 0), (5000, 3000), (0, 3000)]], 3000, 5000)
    whole = shapes.key_of(mask, 2, QRectF(0, 0, 5000, 3000))
    assert whole[2] == (0, 0, 5000, 3000)
    part = shapes.key_of(mask, 0, QRectF(2100, 1100, 500, 400))
    assert part[2] == (2048, 1024, 1024, 1024)
    shape = shapes.of_mask(*part)
    assert shape.path.boundingRect() == QRectF(2048, 1024, 1024, 1024) and shape.nbytes > 1024 * 1024


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_shape_lies_where_its_mask_lies(level: int) -> None:
    mask = rectangle(48, 32, 96, 64)
    area = shapes.of_mask(*shapes.key_of(mask, level, QRectF(0, 0, WIDTH, HEIGHT))).path.boundingRect()
    assert area == QRectF(48, 32, 96, 64)


def test_a_large_shape_is_made_in_a_thread(qtbot: QtBot) -> None:
    pixels = np.zeros((1200, 1200), bool)
    pixels[10:-10, 10:-10] = True
    mask = Mask.from_array(pixels)
    cache = shapes.ShapeCache()
    key = shapes.key_of(mask, 0, QRectF(0, 0, 1200, 1200))
    with qtbot.waitSignal(cache.changed):
        assert cache.get(key) is None
    assert cache.get(key) is not None and cache.similar(mask) is not None and not cache.pending
    cache.close()


@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
def test_a_broken_picture_is_a_calm_page(bench: Bench, tmp_path: Path, damage: str) -> None:
    document = bench.project.document("b.png")
    document.add([drawn(rectangle(5, 5, 50, 50))])
    file = tmp_path / "b.png"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 300 if damage == "cut" else 0])
    with bench.qtbot.waitSignal(bench.canvas.picture_loaded) as loaded:
        bench.canvas.set_document(document, bench.selection)
    assert loaded.args == [False]
    page = bench.canvas._page
    assert page.isVisible() and "b.png" in page.text and len(page.text) > 20
    bench.click(100, 100)
    assert not bench.session.active and len(document.instances) == 1
    bench.show("a.png")
    assert not page.isVisible()


def test_tab_stays_and_f6_leaves(bench: Bench, qtbot: QtBot) -> None:
    window = QWidget()
    layout, field = QVBoxLayout(window), QLineEdit()
    layout.addWidget(bench.canvas)
    layout.addWidget(field)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    bench.canvas.setFocus()
    qtbot.waitUntil(bench.canvas.hasFocus)
    bench.key(Qt.Key.Key_Tab)
    assert bench.canvas.hasFocus()
    bench.canvas.leave()
    assert field.hasFocus()
    bench.canvas.setParent(None)


def test_no_document_is_an_empty_canvas(bench: Bench) -> None:
    bench.canvas.set_document(None, None)
    bench.click(5, 5)
    bench.move(5, 5)
    bench.key(Qt.Key.Key_Left)
    for slot in ("accept", "drop", "undo", "redo", "delete_selected", "paste", "union", "refine", "zoom_to_selection"):
        getattr(bench.canvas, slot)()
    assert not bench.canvas.can_undo() and not bench.errors
    bench.canvas.grab()


def test_the_grey_of_the_ground_follows_the_palette(bench: Bench) -> None:
    from PySide6.QtGui import QColor, QPalette

    corner = bench.canvas.grab().toImage().pixelColor(2, 2).lightness()
    dark = QPalette(QColor("#202428"))
    bench.canvas.setPalette(dark)
    assert bench.canvas.grab().toImage().pixelColor(2, 2).lightness() < 60 < corner


def test_a_picture_that_was_left_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.fromarray(np.zeros((64, 48, 3), np.uint8)).save(path)
    with pytest.raises(Cancelled):
        pyramid.halved(np.zeros((64, 48, 3), np.uint8), lambda: True)
    with pytest.raises(Cancelled):
        pyramid._on_disk(path, 48, 64, lambda: True)
