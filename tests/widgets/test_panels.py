"""The panels on a real project: what they show, and that their edits are the document's own commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.document import Document
from app.instance import ImageState, Instance, new_id
from app.project import Project
from app.selection import Selection
from app.session.joblist import JobList
from app.settings import Settings
from inference.jobs.download import DownloadRequest
from inference.jobs.segment import SegmentRequest
from inference.masks import Mask
from inference.prompts import Prompts
from inference.protocol import ImageRef, Priority
from tests.widgets.window_kit import EquationRunner, pictures
from widgets.panels.browser import Browser
from widgets.panels.classes import ClassesPanel
from widgets.panels.history import HistoryPanel
from widgets.panels.instance_model import AREA, LOCKED, NAME, SCORE, VISIBLE
from widgets.panels.instances import InstancesPanel
from widgets.panels.jobs import JobsPanel
from widgets.panels.properties import PropertiesPanel


@pytest.fixture
def project(tmp_path: Path, qapp: object) -> Iterator[Project]:
    opened = Project.open(pictures(tmp_path, ("a.png", "b.png")))
    yield opened
    opened.close()


@pytest.fixture
def document(project: Project) -> Document:
    made = project.document("a.png")
    made.add([_instance(n) for n in range(3)])
    return made


def _instance(number: int) -> Instance:
    pixels = np.zeros((90, 120), bool)
    pixels[: 10 * (number + 1), :10] = True
    return Instance(new_id(), Mask.from_array(pixels), score=0.5 + number / 10)


@pytest.fixture
def instances(qtbot: QtBot, project: Project, document: Document) -> InstancesPanel:
    panel = InstancesPanel(Selection(document), lambda _instance: "#336699", [QAction("Delete")])
    qtbot.addWidget(panel)
    panel.set_document(document, project.classes)
    return panel


def _cell(panel: InstancesPanel, row: int, column: int) -> object:
    return panel.model.index(row, column).data()


def test_instances_topmost_first(instances: InstancesPanel, document: Document) -> None:
    assert [instances.model.id_at(row) for row in range(3)] == [i.id for i in reversed(document.instances)]
    assert (_cell(instances, 0, NAME), _cell(instances, 0, SCORE), _cell(instances, 0, AREA)) == (
        "Unlabelled", "0.70", "300 px²",
    )  # fmt: skip
    document.remove([document.instances[0].id])
    assert instances.model.rowCount() == 2


def test_typing_a_class_adds_it(instances: InstancesPanel, document: Document, project: Project) -> None:
    assert instances.model.setData(instances.model.index(0, NAME), "cat")
    assert document.instances[-1].class_id == project.classes.by_name("cat").id
    assert _cell(instances, 0, NAME) == "cat"
    instances.filter.setText("ca")
    assert instances.view.model().rowCount() == 1
    project.classes.rename(document.instances[-1].class_id, "dog")
    instances.filter.clear()
    assert _cell(instances, 0, NAME) == "dog"


def test_selection_goes_both_ways(instances: InstancesPanel, document: Document) -> None:
    selection = instances._selection
    first, top = document.instances[0].id, document.instances[-1].id
    selection.set([first, top])
    assert {i.row() for i in instances.view.selectionModel().selectedRows()} == {0, 2}
    instances.view.selectionModel().clearSelection()
    instances.view.setCurrentIndex(instances.view.model().index(1, NAME))
    assert selection.ids == (document.instances[1].id,)


def test_eye_and_lock(instances: InstancesPanel, document: Document, qtbot: QtBot) -> None:
    view, top = instances.view, document.instances[-1].id
    instances.resize(320, 240)
    instances.show()
    for column, field in ((VISIBLE, "visible"), (LOCKED, "locked")):
        before = getattr(document.get(top), field)
        place = view.visualRect(view.model().index(0, column)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert getattr(document.get(top), field) is not before
    with qtbot.waitSignal(instances.failed):  # a locked one cannot be changed, and that is said
        instances._flip([top], "locked", top)
        instances._flip([top], "locked", top)
        with pytest.raises(Exception, match="locked"):
            document.remove([top])
        instances.failed.emit(None)
    QTest.keyClick(view, Qt.Key.Key_Space)


def test_dragging_reorders_in_one_step(instances: InstancesPanel, document: Document) -> None:
    model, ids = instances.model, [i.id for i in document.instances]
    mime = model.mimeData([model.index(0, NAME)])
    model.dropMimeData(mime, Qt.DropAction.MoveAction, 3, 0, model.index(-1, -1))
    assert [i.id for i in document.instances] == [ids[2], ids[0], ids[1]]
    document.undo_stack.undo()
    assert [i.id for i in document.instances] == ids
    instances._selection.set([ids[0]])
    instances._move_by(-1)
    assert [i.id for i in document.instances] == [ids[1], ids[0], ids[2]]


def test_the_menu_offers_the_classes(
    instances: InstancesPanel, project: Project, document: Document, qtbot: QtBot
) -> None:
    cat = project.classes.add("cat")
    instances._selection.set([document.instances[0].id])
    menu = instances.menu()
    classes = menu.actions()[0].menu()
    with qtbot.waitSignal(instances.class_wanted) as seen:
        next(a for a in classes.actions() if a.text() == "cat").trigger()
    assert seen.args == [cat.id]
    menu.close()


# Classes ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def classes(qtbot: QtBot, project: Project) -> ClassesPanel:
    panel = ClassesPanel(QAction("Undo"), QAction("Redo"))
    qtbot.addWidget(panel)
    panel.set_project(project)
    return panel


def test_adding_makes_it_current(classes: ClassesPanel, project: Project, qtbot: QtBot) -> None:
    assert classes._empty.isVisibleTo(classes)
    with qtbot.waitSignal(classes.current_changed) as seen:
        QTest.keyClicks(classes.name, "  a cat ")
        QTest.keyClick(classes.name, Qt.Key.Key_Return)
    cat = project.classes.by_name("a cat")
    assert seen.args == [cat.id] and classes.current == cat.id and classes.name.text() == ""
    assert classes.view.isVisibleTo(classes)


def test_cells_are_edits(classes: ClassesPanel, project: Project, qtbot: QtBot) -> None:
    cat, dog = project.classes.add("cat"), project.classes.add("dog")
    model = classes.model
    assert model.setData(model.index(0, 0), "lion")
    assert model.setData(model.index(0, 1), "7")
    assert model.setData(model.index(0, 3), "animal")
    changed = project.classes.get(cat.id)
    assert (changed.name, changed.hotkey, changed.supercategory) == ("lion", "7", "animal")
    with qtbot.waitSignal(classes.failed):  # a name that another class has
        model.setData(model.index(0, 0), "dog")
    assert project.classes.get(dog.id).name == "dog"
    classes.set_hotkey(project.classes.get(dog.id), None)
    assert project.classes.get(dog.id).hotkey is None


def test_counts_merging_and_dragging(classes: ClassesPanel, project: Project, document: Document, qtbot: QtBot) -> None:
    cat, dog = project.classes.add("cat"), project.classes.add("dog")
    document.set_class([document.instances[0].id], cat.id)
    qtbot.waitUntil(lambda: classes.model.index(0, 2).data() == "1")
    classes.set_current(cat.id)
    mime = classes.model.mimeData([classes.model.index(0, 0)])
    classes.model.dropMimeData(mime, Qt.DropAction.MoveAction, 2, 0, classes.model.index(-1, -1))
    assert [c.name for c in project.classes.all()] == ["dog", "cat"]
    classes.merge([project.classes.get(cat.id)], project.classes.get(dog.id))
    assert document.instances[0].class_id == dog.id
    assert classes.current == dog.id  # what the current class has become
    project.stack.undo()
    assert document.instances[0].class_id == cat.id


def test_removing_an_unused_class_asks_nothing(classes: ClassesPanel, project: Project) -> None:
    cat = project.classes.add("cat")
    classes.set_current(cat.id)
    classes.remove([cat])
    assert len(project.classes) == 0 and classes.current is None


# Picture and history --------------------------------------------------------------------------------------------------


def test_properties(qtbot: QtBot, project: Project, tmp_path: Path) -> None:
    turned = Image.new("RGB", (120, 90))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)
    panel = PropertiesPanel()
    qtbot.addWidget(panel)
    document = project.document("turned.jpg")
    panel.set_document(document)
    facts = {key: value.text() for key, value in panel._facts.items()}
    assert (
        facts["size"].startswith("90 × 120")
        and facts["turned"].startswith("90°")
        and facts["kind"].startswith("JPEG, RGB, ")
    )
    long = "é" * 100 + ".png"
    Image.new("RGB", (8, 6)).save(tmp_path / long)
    narrow = panel.minimumSizeHint().width()
    panel.set_document(project.document(long))  # is cut in the middle, and makes no panel wider
    assert panel.minimumSizeHint().width() == narrow and panel.name.whole == long
    panel.set_document(document)
    panel.state_button(ImageState.FLAGGED).click()
    assert document.state is ImageState.FLAGGED
    document.undo_stack.undo()
    assert panel.state_button(ImageState.TODO).isChecked()
    panel.note.setPlainText("blurred")
    panel.set_document(project.document("a.png"))  # leaving writes the note
    assert document.note == "blurred" and panel.note.toPlainText() == ""


def test_history_goes_back(qtbot: QtBot, project: Project, document: Document) -> None:
    panel = HistoryPanel()
    qtbot.addWidget(panel)
    panel.set_stacks(document.undo_stack, project.stack)
    assert panel.picture.model().rowCount() == 2
    panel.picture.setCurrentIndex(panel.picture.model().index(0, 0))
    assert len(document) == 0
    panel.set_stacks(None, None)


# Jobs -----------------------------------------------------------------------------------------------------------------


def test_jobs_come_go_and_can_be_stopped(qtbot: QtBot) -> None:
    runner = EquationRunner()
    runner.held = {DownloadRequest, SegmentRequest}
    jobs = JobList(runner)
    panel = JobsPanel(jobs)
    qtbot.addWidget(panel)
    assert panel.isHidden()
    runner.submit(SegmentRequest(ImageRef("x"), "starter", Prompts()))  # a click is no long job
    ticket = runner.submit(DownloadRequest("sam2.1-tiny"), priority=Priority.BATCH)
    jobs.watch(ticket, "Download SAM 2.1 tiny")
    qtbot.waitUntil(lambda: jobs.get(ticket.id).started_at is not None)
    runner.report(DownloadRequest, 50, 200, "sam2.1_hiera_tiny.pt")
    assert [row.title for row in jobs.rows] == ["Download SAM 2.1 tiny"]
    assert not panel.isHidden() and "25 %" in panel._summary.text()
    panel.toggle()
    assert panel._list.isHidden()
    panel.toggle()
    panel._views[ticket.id].stop.click()
    qtbot.waitUntil(lambda: jobs.rows == ())
    assert panel.isHidden()


def test_what_to_do_is_read_in_a_low_panel(qtbot: QtBot, project: Project) -> None:
    shown, key = project.document("b.png"), ["F"]
    panel = InstancesPanel(Selection(shown), lambda _instance: "#336699", [QAction("Delete")], lambda: key[0])
    qtbot.addWidget(panel)
    panel.set_document(shown, project.classes)
    panel.resize(280, 10)
    panel.show()
    view = panel.view
    assert "press F to keep" in view.words
    room = view.viewport().rect().adjusted(12, 12, -12, -12)
    assert room.contains(view.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, view.words))
    key[0] = ""
    panel.set_document(shown, project.classes)
    assert "accept its mask" in view.words


def test_the_filters_of_a_narrow_browser_stand_below_each_other(qtbot: QtBot) -> None:
    browser = Browser(Settings())
    qtbot.addWidget(browser)
    browser.resize(300, 500)
    browser.show()
    assert browser.name.y() == browser.state.y()
    browser.resize(190, 500)
    qtbot.waitUntil(lambda: browser.state.y() > browser.name.geometry().bottom())
    assert browser.name.width() > browser.name.fontMetrics().horizontalAdvance(browser.name.placeholderText())
    browser.resize(300, 500)
    qtbot.waitUntil(lambda: browser.name.y() == browser.state.y())


def test_a_folder_for_reading_only_advises_no_edits(qtbot: QtBot, project: Project) -> None:
    reader = Project.open(project.folder, read_only=True)
    shown = reader.document("b.png")
    instances = InstancesPanel(Selection(shown), lambda _instance: "#336699", [QAction("Delete")])
    classes, properties = ClassesPanel(QAction("Undo"), QAction("Redo")), PropertiesPanel()
    for panel in (instances, classes, properties):
        qtbot.addWidget(panel)
    instances.set_document(shown, reader.classes)
    classes.set_project(reader)
    properties.set_document(shown)
    assert instances.view.words == "Nothing here."
    assert "No classes yet." in [text.text() for text in classes.findChildren(QLabel)] and not classes.name.isEnabled()
    assert properties.note.isReadOnly() and not properties.note.placeholderText()
    classes.set_project(project)
    assert classes.name.isEnabled()
    classes.set_project(None)
    properties.set_document(None)
    reader.close()
