"""Small habits of the window: texts that lupdate finds, wheels that change nothing in passing, steady columns."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app import settings as settings_module
from app import shortcuts as shortcuts_module
from app.instance import ImageState
from app.library import follower
from app.settings import GROUPS, SETTINGS
from app.shortcuts import ACTIONS
from tests.widgets.window_kit import Desktop, pictures
from widgets.panels.instance_model import NAME


def marked(module: object, context: str) -> set[str]:
    """The texts that lupdate reads in a module."""
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    return set(re.findall(rf'QT_TRANSLATE_NOOP\(\s*"{context}",\s*"((?:[^"\\]|\\.)*)"', source))


def test_every_text_of_the_tables_is_marked_for_translators() -> None:
    rows = [row for row in SETTINGS if row.kind != "state"]
    texts = {*GROUPS, *(row.label for row in rows), *(row.help for row in rows)}
    texts |= {text for row in rows for _, text in row.choices}
    assert texts <= marked(settings_module, "settings")
    texts = {row.text for row in ACTIONS} | set(shortcuts_module.GROUPS)
    texts |= {key for row in ACTIONS if row.mouse for key in row.keys}
    assert texts <= marked(shortcuts_module, "actions")


def turn(widget: QWidget) -> None:
    centre = QPointF(widget.rect().center())
    event = QWheelEvent(
        centre, QPointF(widget.mapToGlobal(centre.toPoint())), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home)
    yield made
    made.close()


def test_the_wheel_changes_no_setting_in_passing(desktop: Desktop) -> None:
    dialog = desktop.window.show_settings()
    before = {row.key: desktop.settings.get(row.key) for row in SETTINGS}
    for control in dialog.controls.values():
        turn(control)
    turn(desktop.window.annotate.browser.state)
    turn(desktop.window.annotate.display.brush)
    assert before == {row.key: desktop.settings.get(row.key) for row in SETTINGS}
    dialog.close()


def test_tiles_keep_their_width_when_the_scroll_bar_comes(desktop: Desktop, tmp_path: Path) -> None:
    desktop.window.resize(1280, 800)
    desktop.open(pictures(tmp_path / "few"))
    view = desktop.window.annotate.browser.view
    tile = view.gridSize()
    assert view.width() // tile.width() == 2
    desktop.open(pictures(tmp_path / "many", tuple(f"{n}.png" for n in range(40))))
    desktop.until(lambda: view.verticalScrollBar().maximum() > 0)
    assert view.gridSize() == tile


def test_a_class_typed_for_one_of_the_selected_is_for_all(desktop: Desktop, tmp_path: Path) -> None:
    desktop.open(pictures(tmp_path / "p"))
    ids = []
    for x in (30, 60, 90):
        desktop.point(x, 40)
        ids.append(desktop.accept())
    annotate = desktop.window.annotate
    annotate.selection.set(ids[:2])
    model = annotate.instances.model
    assert model.setData(model.index(model.row_of(ids[0]), NAME), "cat")
    named = [desktop.document.get(i).class_id for i in ids]  # type: ignore[union-attr]
    assert named[0] is not None and named[0] == named[1] and named[2] is None


def test_a_double_click_renames_a_class_when_nothing_is_selected(desktop: Desktop, tmp_path: Path) -> None:
    desktop.open(pictures(tmp_path / "p"))
    panel = desktop.window.annotate.classes
    panel.name.setText("cat")
    panel.add_typed()
    panel.view.doubleClicked.emit(panel.model.index(0, 0))
    assert panel.view.state() == panel.view.State.EditingState


def test_beside_the_picture_there_is_no_pixel(desktop: Desktop, tmp_path: Path) -> None:
    desktop.open(pictures(tmp_path / "p"))
    desktop.canvas.cursor_moved.emit(10.0, 10.0, (1, 2, 3))
    assert "x 10" in desktop.window.status.cursor_text.text()
    desktop.canvas.cursor_moved.emit(-4.0, 10.0, None)
    assert desktop.window.status.cursor_text.text() == ""


def test_a_shown_picture_that_vanishes_is_told(desktop: Desktop, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p")
    desktop.open(folder)
    picture = (folder / "a.png").read_bytes()
    for comes_back in (True, False):
        (folder / "a.png").unlink()
        desktop.until(lambda: any("a.png" in m.text for m in desktop.window.messages.messages))
        if comes_back:
            (folder / "a.png").write_bytes(picture)
            desktop.until(lambda: not desktop.window.messages.messages)
    desktop.do("next")
    assert desktop.document.image_id != "a.png" and not desktop.window.messages.messages


def test_a_folder_that_goes_away_under_the_window(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "GLANCE_S", 0.05)
    folder, window = pictures(tmp_path / "p"), desktop.window
    desktop.open(folder)
    folder.rename(tmp_path / "away")
    desktop.until(lambda: bool(window.notices.messages))
    assert str(folder) in window.notices.messages[0].text and "Nothing is saved" in window.status.saved.text
    desktop.do("flag")
    assert window.messages.messages and desktop.document.state is ImageState.TODO
    desktop.do("next")  # cannot be read, and is shown once it can be
    assert desktop.services.desk.document is None
    (tmp_path / "away").rename(folder)
    desktop.until(lambda: not window.notices.messages)
    assert desktop.services.desk.document is not None and "All changes saved" in window.status.saved.text
    shutil.rmtree(folder / ".winnow")
    desktop.until(lambda: bool(window.notices.messages))
    again = next(b for b in window.notices.findChildren(QAbstractButton) if b.text() == "Open it again")
    again.click()
    desktop.until(lambda: not desktop.services.desk.images.is_scanning)
    assert not window.notices.messages and desktop.document.image_id == "b.png"
    desktop.do("flag")
    assert desktop.document.state is ImageState.FLAGGED


def test_what_does_not_fit_into_a_tool_bar_is_behind_a_button_one_can_see(desktop: Desktop, tmp_path: Path) -> None:
    desktop.open(pictures(tmp_path / "p"))
    window = desktop.window
    window.resize(900, 600)
    bars = (window.top, window.annotate.strip)
    desktop.until(lambda: all(bar.findChild(QToolButton, "qt_toolbar_ext_button").isVisible() for bar in bars))
    for bar in bars:
        rest = bar.findChild(QToolButton, "qt_toolbar_ext_button")
        assert rest.accessibleName() and not rest.icon().isNull()
        drawn = rest.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        assert len({drawn.pixel(x, y) for x in range(drawn.width()) for y in range(drawn.height())}) > 2


def test_rows_of_the_settings_do_not_overlap(desktop: Desktop) -> None:
    dialog = desktop.window.show_settings()
    first, second = (dialog.pages.visualItemRect(dialog.pages.item(n)) for n in (0, 1))
    assert first.height() == dialog.pages.sizeHintForRow(0) and second.top() >= first.bottom()
    dialog.close()


def test_long_names_are_cut_in_the_middle_where_a_class_is_asked_for(desktop: Desktop, tmp_path: Path) -> None:
    desktop.open(pictures(tmp_path / "photos"))
    classes = desktop.services.desk.project.classes
    long = classes.ensure("a very long name of a class that nobody wants to read")
    classes.ensure("cat")
    popup = desktop.window.annotate.popup
    popup.ask("an id", QPoint(10, 10), classes.all())
    chips = [b for b in popup.findChildren(QPushButton) if b.accessibleName()]
    assert [b.text() for b in chips][1:] == ["cat"] and "…" in chips[0].text() and chips[0].toolTip() == long.name
    for chip in chips:
        assert chip.fontMetrics().horizontalAdvance(chip.text()) < chip.width()


def test_nothing_is_advised_on_a_picture_that_cannot_be_shown(desktop: Desktop, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "photos", ("a.png", "b.png"))
    whole = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(whole[: len(whole) // 2])
    desktop.open(folder)
    panel = desktop.window.annotate.instances
    desktop.until(lambda: not desktop.canvas.picture_usable)
    assert not panel.view.words
    desktop.services.desk.step(1)
    desktop.until(lambda: "Nothing here yet" in panel.view.words)
