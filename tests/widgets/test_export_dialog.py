"""The export dialog on a real project: counts live, writes in the background, stops, tells what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt, QTranslator
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QListWidget, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from app.formats import FORMATS
from app.project import Project
from tests.formats_samples import disc, instance, picture
from widgets.export_dialog import ExportDialog


@pytest.fixture
def project(tmp_path: Path, qapp: object) -> Iterator[Project]:
    """Four pictures, three annotated, of two classes."""
    folder = tmp_path / "photos"
    names = [f"{i}.jpg" for i in range(4)]
    for name in names:
        picture(folder / name)
    project = Project.open(folder)
    dog, cat = project.classes.add("dog"), project.classes.add("cat")
    for number, name in enumerate(names[:3]):
        made = disc(80, 60, 30, 30, 20, hole=8 if number == 0 else 0)
        project.document(name).add([instance(made, (dog.id, cat.id, None)[number], number + 1)])
    yield project
    project.close()


@pytest.fixture
def dialog(project: Project, qtbot: QtBot) -> Iterator[ExportDialog]:
    opened: list[str] = []
    made = ExportDialog(project, show_folder=opened.append)
    made.opened_folders = opened  # type: ignore[attr-defined]
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: made.start.isEnabled())
    yield made
    made.reject()
    qtbot.waitUntil(lambda: made._task is None)


def _written(dialog: ExportDialog, qtbot: QtBot) -> None:
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.pages.currentWidget() is dialog.summary)


def test_counts_follow_the_choice(dialog: ExportDialog, qtbot: QtBot) -> None:
    assert "Pictures: 3" in dialog.count.text() and "instances: 3" in dialog.count.text()
    dialog.choices.which.setCurrentIndex(2)
    qtbot.waitUntil(lambda: "Pictures: 4" in dialog.count.text())
    dialog.choices.classes.item(0).setCheckState(Qt.CheckState.Unchecked)
    qtbot.waitUntil(lambda: "instances: 2" in dialog.count.text())
    dialog.choices.split.setChecked(True)
    qtbot.waitUntil(lambda: "train 3 · val 1" in dialog.count.text())
    dialog.choices.shares.setText("50/50")
    qtbot.waitUntil(lambda: "train 2 · val 2" in dialog.count.text())
    dialog.choices.shares.setText("most of it")
    qtbot.waitUntil(lambda: "two or three shares" in dialog.count.text())
    assert not dialog.start.isEnabled()


def test_nothing_to_export_is_said(dialog: ExportDialog, qtbot: QtBot) -> None:
    dialog.choices.which.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "No picture" in dialog.count.text())
    assert not dialog.start.isEnabled()


@pytest.mark.parametrize("form", FORMATS, ids=lambda f: f.id)
def test_every_format_has_its_controls(dialog: ExportDialog, form) -> None:
    dialog.formats.choose(form.id)
    assert dialog.form.values() == {o.key: o.default for o in form.options}
    assert dialog.options().pictures == (form.pictures or "none")
    assert dialog.out.text().endswith(f"photos-{form.id}")


def test_writes_and_tells_what_was_lost(dialog: ExportDialog, qtbot: QtBot, tmp_path: Path) -> None:
    dialog.formats.choose("yolo-seg")
    holes = dialog.form.control("holes")
    assert isinstance(holes, QComboBox)
    holes.setCurrentIndex(holes.findData("fill"))
    dialog.out.setText(str(tmp_path / "out"))
    _written(dialog, qtbot)
    assert (tmp_path / "out/data.yaml").is_file()
    rows = [dialog.summary.notes.topLevelItem(i) for i in range(dialog.summary.notes.topLevelItemCount())]
    assert [(r.text(0), r.text(1)) for r in rows] == [("loss", "0.jpg"), ("note", "all")]
    assert "1 with losses" in dialog.summary.verdict.text()
    qtbot.mouseClick(dialog.summary.open_folder, Qt.MouseButton.LeftButton)
    assert dialog.opened_folders == [str(tmp_path / "out")]  # type: ignore[attr-defined]


def test_a_filled_folder_is_refused_and_can_be_allowed(dialog: ExportDialog, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("x")
    dialog.out.setText(str(tmp_path / "full"))
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.problem.isVisible())
    assert "not empty" in dialog.problem.text() and str(tmp_path / "full") in dialog.problem.text()
    qtbot.waitUntil(lambda: dialog.start.isEnabled())
    dialog.overwrite.setChecked(True)
    assert not dialog.problem.isVisible()
    _written(dialog, qtbot)
    assert (tmp_path / "full/mine.txt").is_file()


def test_a_missing_picture_is_listed(dialog: ExportDialog, qtbot: QtBot, project: Project, tmp_path: Path) -> None:
    (project.folder / "1.jpg").unlink()
    dialog.out.setText(str(tmp_path / "out"))
    _written(dialog, qtbot)
    first = dialog.summary.notes.topLevelItem(0)
    assert first.text(0) == "not written" and first.text(1) == "1.jpg"
    assert "except" in dialog.summary.heading.text()


def test_cancelling_goes_back_and_leaves_nothing(dialog: ExportDialog, qtbot: QtBot, tmp_path: Path) -> None:
    dialog.out.setText(str(tmp_path / "out"))
    dialog._start()
    dialog.running.cancel.click()  # before the first picture: stopping is asked for at the next step
    qtbot.waitUntil(lambda: dialog.pages.currentIndex() == 0)
    qtbot.waitUntil(lambda: dialog.start.isEnabled())
    assert not (tmp_path / "out").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".winnow-export")]


def test_closing_in_the_middle_waits_for_the_end(project: Project, qtbot: QtBot, tmp_path: Path) -> None:
    made = ExportDialog(project)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: made.start.isEnabled())
    made.out.setText(str(tmp_path / "out"))
    made._start()
    made.close()
    qtbot.waitUntil(lambda: not made.isVisible() and made._task is None)


def test_every_control_has_a_name_and_is_reachable(dialog: ExportDialog) -> None:
    kinds = (QAbstractButton, QComboBox, QLineEdit, QListWidget, QSpinBox)
    for control in dialog.findChildren(QWidget):
        if not isinstance(control, kinds) or control.objectName().startswith("qt_"):
            continue
        said = control.accessibleName() or (control.text() if isinstance(control, QAbstractButton) else "")
        assert said, control
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, said


def test_hiding_ends_a_running_export(project: Project, qtbot: QtBot, tmp_path: Path) -> None:
    made = ExportDialog(project)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: made.start.isEnabled())
    made.out.setText(str(tmp_path / "out"))
    made._start()
    task = made._task
    made.hide()
    assert task is not None and task.isFinished()
    qtbot.waitUntil(lambda: made._task is None)


class Marked(QTranslator):
    """A language that only the texts of the formats were translated to."""

    def translate(self, context: str, text: str, comment: str | None = None, count: int = -1) -> str:
        return f"»{text}«" if context == "formats" else ""


def test_texts_of_formats_are_translated(project: Project, qtbot: QtBot, qapp: QCoreApplication) -> None:
    language = Marked()
    qapp.installTranslator(language)
    dialog = ExportDialog(project)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.start.isEnabled())
    dialog.formats.choose("masks")
    value = dialog.form.control("value")
    assert isinstance(value, QComboBox)
    assert value.itemText(0) == "»255 (white)«"
    assert (value.accessibleName(), value.toolTip()) == (
        "»Value inside«", "»The number of a pixel inside; outside is 0.«",
    )  # fmt: skip
    assert dialog.formats.currentItem().text() == "»Binary masks«"
    dialog.reject()
    qtbot.waitUntil(lambda: dialog._task is None)
    qapp.removeTranslator(language)
