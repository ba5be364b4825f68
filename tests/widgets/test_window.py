"""The whole window, driven as a person does, with a model that is an equation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.instance import ImageState
from app.project import Project
from inference.errors import ModelError, OutOfMemory
from inference.jobs.load_model import LoadModelRequest
from inference.jobs.prefetch import PrefetchRequest
from inference.jobs.segment import SegmentRequest
from tests.widgets.window_kit import Desktop, pictures


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures(tmp_path / "bilder mit ümläuten")


def test_it_opens_on_the_welcome_page(desktop: Desktop) -> None:
    window = desktop.window
    assert window.stack.currentWidget() is window.welcome
    assert not window.actions_["accept"].isEnabled()
    assert not window.actions_["export"].isEnabled()
    assert window.actions_["open_folder"].isEnabled()


def test_a_sample_is_one_click_away(desktop: Desktop, winnow_home: Path) -> None:
    desktop.window.open_sample("cat.jpg")
    desktop.until(lambda: desktop.services.desk.current == "cat.jpg")
    assert desktop.document.path.is_relative_to(winnow_home)
    assert desktop.window.stack.currentWidget() is desktop.window.annotate


def test_click_accept_label_next_and_reopen(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    assert desktop.services.desk.current == "a.png"
    desktop.point(50, 40)
    instance_id = desktop.accept()
    popup = desktop.window.annotate.popup
    assert popup.isVisible()  # no class yet: it asks
    QTest.keyClicks(popup.name, "cup")
    QTest.keyClick(popup.name, Qt.Key.Key_Return)
    cup = desktop.services.desk.project.classes.by_name("cup")
    assert desktop.document.get(instance_id).class_id == cup.id
    desktop.point(90, 70)
    second = desktop.accept()
    assert not popup.isVisible()  # the current class is given
    assert desktop.document.get(second).class_id == cup.id
    desktop.do("next")
    assert desktop.services.desk.current == "b.png"
    desktop.close()
    again = Project.open(folder)
    assert len(again.document("a.png")) == 2
    again.close()


def test_prompts_are_undone_before_the_document(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    desktop.point(50, 40)
    desktop.accept()
    desktop.window.annotate.popup.hide()
    desktop.point(20, 20)
    desktop.do("undo")
    assert not desktop.services.session.active
    assert len(desktop.document) == 1
    desktop.do("undo")
    assert len(desktop.document) == 0
    desktop.do("redo")
    assert len(desktop.document) == 1


def test_keys_go_where_they_belong(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    window = desktop.window
    window.activateWindow()
    desktop.canvas.setFocus()
    QTest.keyClick(desktop.canvas, Qt.Key.Key_D)
    assert desktop.services.desk.current == "b.png"
    QTest.keyClick(desktop.canvas, Qt.Key.Key_A)
    assert desktop.services.desk.current == "a.png"
    QTest.keyClick(desktop.canvas, Qt.Key.Key_B)
    assert desktop.canvas.tool == "brush" and window.actions_["tool_brush"].isChecked()
    field = window.annotate.browser.name
    field.setFocus()
    QTest.keyClicks(field, "dab")  # letters are letters where one types
    assert (field.text(), desktop.services.desk.current) == ("dab", "a.png")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert desktop.canvas.hasFocus()


def test_tab_and_enter_belong_to_the_canvas(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    desktop.window.activateWindow()
    desktop.canvas.setFocus()
    desktop.point(60, 45)
    QTest.keyClick(desktop.canvas, Qt.Key.Key_Tab)
    assert desktop.services.session.candidate_index == 1 and desktop.canvas.hasFocus()
    desktop.until(lambda: desktop.services.session.suggestion.mask is not None)
    QTest.keyClick(desktop.canvas, Qt.Key.Key_Return)
    assert len(desktop.document) == 1


def test_digits_give_classes(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    classes = desktop.services.desk.project.classes
    cat, dog = classes.add("cat"), classes.add("dog")
    desktop.point(50, 40)
    desktop.do("class_2")  # while a suggestion is there: what it will become
    first = desktop.accept()
    assert desktop.document.get(first).class_id == dog.id
    desktop.window.annotate.selection.set([first])
    desktop.do("class_1")
    assert desktop.document.get(first).class_id == cat.id
    assert desktop.window.annotate.classes.current == cat.id
    desktop.do("clear_class")
    assert desktop.document.get(first).class_id is None


def test_states_and_stepping(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    desk = desktop.services.desk
    desktop.do("done_next")
    assert desk.current == "b.png"
    assert desk.project.document("a.png").state is ImageState.DONE
    desktop.do("flag")
    assert desktop.document.state is ImageState.FLAGGED
    desktop.do("next_todo")
    assert desk.current == "c.png"
    desktop.do("last")
    assert desk.current == "sub/d.png"
    desktop.do("next")
    assert "last picture" in desktop.window.status.words.whole
    browser = desktop.window.annotate.browser
    browser.state.setCurrentIndex(browser.state.findData(ImageState.DONE))
    desktop.until(lambda: desk.images.rowCount() == 1)
    assert desk.images.image_id(0) == "a.png"


def test_neighbours_are_prepared(desktop: Desktop, folder: Path) -> None:
    desktop.services.desk.set_model("starter")
    desktop.open(folder)
    desktop.until(lambda: {"a.png", "b.png"} <= {r.image.image_id for r in desktop.runner.of(PrefetchRequest)})
    desktop.until(lambda: "Cache" in desktop.window.status.cache.text and "–" not in desktop.window.status.cache.text)
    desktop.settings.set("compute.prefetch", False)
    count = len(desktop.runner.of(PrefetchRequest))
    desktop.do("next")
    assert len(desktop.runner.of(PrefetchRequest)) == count


def test_failures_are_told_without_stopping_anybody(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    desktop.runner.errors[SegmentRequest] = OutOfMemory(
        "The device ran out of memory.", None, "Choose a smaller model."
    )
    desktop.services.session.add_point(50, 40)
    desktop.until(lambda: bool(desktop.window.messages.messages))
    message = desktop.window.messages.messages[0]
    assert (message.kind, message.remedy) == ("error", "Choose a smaller model.")
    message.closed.emit()
    assert desktop.window.messages.messages == ()
    desktop.runner.errors.clear()
    desktop.services.session.drop()
    desktop.point(50, 40)


def test_bad_files_and_folders(desktop: Desktop, folder: Path, tmp_path: Path) -> None:
    (folder / "b.png").write_bytes(b"")
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes()[:60])
    window, desk = desktop.window, desktop.services.desk
    window.open_paths([tmp_path / "nowhere"])
    assert "nowhere" in window.messages.messages[0].text
    assert window.stack.currentWidget() is window.welcome
    desktop.open(folder)
    for name in ("b.png", "c.png"):
        desktop.do("next")
        assert desk.current == name
        desktop.until(lambda: not desktop.canvas.picture_usable)  # a calm page in its place says why
        assert desktop.window.status.zoom.isHidden()
    desktop.do("next")
    assert desktop.document.image_id == "sub/d.png"
    desktop.point(50, 40)
    assert not desktop.window.status.zoom.isHidden()
    desktop.do("workspace_models")  # where the canvas is not seen
    assert desktop.window.status.zoom.isHidden()


def test_a_vanished_picture_keeps_its_annotations(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    desktop.point(50, 40)
    desktop.accept()
    desktop.do("next")
    (folder / "a.png").unlink()
    desktop.do("previous")
    desktop.until(lambda: not desktop.canvas.picture_usable)
    assert len(desktop.document) == 1 and desktop.document.read_only


def test_two_windows_on_one_folder(desktop: Desktop, folder: Path) -> None:
    other = Project.open(folder)
    desktop.open(folder)
    notice = desktop.window.notices.messages[0]
    assert "reading only" in notice.text and notice.remedy
    assert "Read only" in desktop.window.status.saved.text
    desktop.do("next")
    other.close()
    again = next(b for b in notice.findChildren(QAbstractButton) if b.text() == "Try again")
    again.click()
    desktop.until(lambda: not desktop.services.desk.images.is_scanning)
    assert not desktop.window.notices.messages and not desktop.document.read_only
    assert desktop.window.stack.currentWidget() is desktop.window.annotate
    assert desktop.document.image_id == "b.png"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(desktop: Desktop, folder: Path) -> None:
    folder.chmod(0o500)
    try:
        desktop.open(folder)
        assert "data folder" in desktop.window.notices.messages[0].text
    finally:
        folder.chmod(0o700)


def test_dropping_a_picture_opens_its_folder(desktop: Desktop, folder: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(folder / "c.png")), QUrl("http://localhost/x.png")])
    offered = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    event = QDropEvent(QPointF(5, 5), offered, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier)
    assert event.proposedAction() is Qt.DropAction.MoveAction
    desktop.window.dropEvent(event)
    assert event.isAccepted() and event.dropAction() is Qt.DropAction.CopyAction  # or it might be deleted there
    assert desktop.services.desk.current == "c.png"
    assert desktop.services.recent.all() == [folder]


def test_a_picture_of_the_open_folder_is_shown_in_it(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    project = desktop.services.desk.project
    desktop.window.open_paths([folder / "sub/d.png"])
    assert desktop.services.desk.project is project and desktop.document.image_id == "sub/d.png"
    assert not (folder / "sub/.winnow").exists()


def test_undo_in_the_list_of_classes_is_about_classes(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    desktop.point(50, 40)
    desktop.accept()
    made, panel = len(desktop.document), desktop.window.annotate.classes
    project = desktop.services.desk.project
    cat = project.classes.add("cat")
    project.classes.rename(cat.id, "dog")
    for key, modifiers, name in (
        (Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier, "cat"),
        (Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier, "dog"),
        (Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier, "cat"),
        (Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier, "dog"),
    ):
        panel.view.setFocus()
        QTest.keyClick(panel.view, key, modifiers)
        assert project.classes.get(cat.id).name == name and len(desktop.document) == made
    desktop.canvas.setFocus()
    QTest.keyClick(desktop.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(desktop.document) == made - 1 and project.classes.get(cat.id).name == "dog"


def test_switching_models(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    shelf, bar = desktop.services.shelf, desktop.window.top
    shelf.start()
    desktop.until(lambda: "equation" in desktop.window.status.model.text)
    file = folder / "own.safetensors"
    file.write_bytes(b"weights")
    desktop.runner.held.add(LoadModelRequest)
    shelf.use(str(file))
    desktop.until(lambda: "loading" in bar.model.text())
    desktop.runner.let_go(LoadModelRequest)
    desktop.until(lambda: bar.model.text() == "own.safetensors")
    assert desktop.services.session.model == str(file)
    assert desktop.settings.get("model.current") == str(file)
    desktop.runner.errors[LoadModelRequest] = ModelError("It is damaged.", file, "Import it again.")
    shelf.use("starter")
    if shelf.installed(shelf.spec("starter")):
        desktop.until(lambda: shelf.current == str(file))  # back to what works
    desktop.until(lambda: bool(desktop.window.messages.messages))
    shelf.use("no-such-model")
    assert "no-such-model" in desktop.window.messages.messages[0].text


def test_widths_of_panels_come_back(qtbot: QtBot, winnow_home: Path) -> None:
    folder = pictures(winnow_home / "photos")
    widths = []
    for width in (300, 0, 0):
        desktop = Desktop(qtbot, winnow_home)
        assert not any(action.isEnabled() for action in desktop.window.annotate.panel_actions())
        desktop.open(folder)
        desktop.until(lambda d=desktop: all(a.isEnabled() for a in d.window.annotate.panel_actions()))  # type: ignore[misc]
        docks = desktop.window.annotate._docks
        if width:
            desktop.window.annotate.resizeDocks([docks["browser"]], [width], Qt.Orientation.Horizontal)
            QApplication.processEvents()
        widths.append([docks[name].width() for name in ("browser", "instances")])
        desktop.close()
    unopened = Desktop(qtbot, winnow_home)
    unopened.close()
    last = Desktop(qtbot, winnow_home)
    last.open(folder)
    last.until(lambda: last.window.annotate._docks["browser"].width() == widths[0][0])
    last.close()
    assert widths[0][0] == 300 and widths[1] == widths[0] and widths[2] == widths[0]


def test_layout_and_workspace_are_remembered(qtbot: QtBot, winnow_home: Path) -> None:
    folder = pictures(winnow_home / "photos")
    first = Desktop(qtbot, winnow_home)
    first.open(folder)
    first.until(lambda: all(a.isEnabled() for a in first.window.annotate.panel_actions()))
    first.window.annotate._docks["history"].setVisible(False)
    first.window.show_workspace("models")
    first.close()
    second = Desktop(qtbot, winnow_home)
    assert second.window.workspace == "models"
    second.open(folder)
    second.until(lambda: second.window.annotate._docks["history"].isHidden())
    second.window.annotate.reset_layout()
    assert not second.window.annotate._docks["history"].isHidden()
    second.close()


def test_closing_in_the_middle_of_a_job(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    desktop.runner.held.add(SegmentRequest)
    desktop.services.session.add_point(50, 40)
    desktop.window.annotate.properties.note.setPlainText("half typed")
    desktop.close()
    assert desktop.runner.closed
    project = Project.open(folder)
    assert project.document("a.png").note == "half typed"
    project.close()


def test_every_control_has_a_name(desktop: Desktop, folder: Path) -> None:
    desktop.open(folder)
    window = desktop.window
    dialogs: list[QDialog] = [window.show_settings(), window.show_shortcuts()]
    kinds = (
        QAbstractButton,
        QLineEdit,
        QComboBox,
        QAbstractSpinBox,
        QAbstractSlider,
        QPlainTextEdit,
        QAbstractItemView,
    )
    nameless = [
        f"{type(w).__name__} in {type(w.parent()).__name__}"
        for w in window.findChildren(QWidget)
        if isinstance(w, kinds) and not isinstance(w, QScrollBar) and not _named(w) and not _part_of_a_control(w)
    ]
    for dialog in dialogs:
        dialog.close()
    assert nameless == []


def _named(widget: QWidget) -> bool:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return bool(widget.accessibleName() or text)


def _part_of_a_control(widget: QWidget) -> bool:
    """Qt's own inner parts: the field of a spin box, the list of a combo box, the arrows of a tab bar."""
    if widget.objectName().startswith("qt_"):
        return True
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, (QAbstractSpinBox, QComboBox, QLineEdit)) or type(parent).__name__ in (
            "QKeySequenceEdit", "QTabBar", "QMenuBar", "QComboBoxPrivateContainer", "QHeaderView", "QToolBar",
        ):  # fmt: skip
            return type(parent).__name__ != "QToolBar" or type(widget).__name__ == "QToolBarExtension"
        if isinstance(widget, QAbstractItemView) and type(widget).__name__ == "QHeaderView":
            return True
        parent = parent.parentWidget()
    return type(widget).__name__ in ("QHeaderView", "QComboBoxListView", "QToolBarExtension")
