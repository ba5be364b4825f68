"""The Sort workspace in the whole window, on real files, driven as a person does; the model sees colours only."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.session.record import WORDS
from app.sorting.journal import Mode, Step
from app.sorting.steps import Carrier
from inference.jobs.download import DownloadRequest
from inference.prompt_items import PromptItem, PromptSet
from tests.widgets.sort_kit import ColorRunner, colors
from tests.widgets.window_kit import Desktop
from widgets.sort.class_tree import CLASS, NEW
from widgets.sort.folders_panel import ALL, UNSURE
from widgets.sort.grid import MIME
from widgets.sort.search_bar import Term, parse
from widgets.sort.unlearned import OFFERED
from widgets.sort.workspace import SortWorkspace


@pytest.fixture
def desktop(qtbot: QtBot, winnow_home: Path) -> Iterator[Desktop]:
    made = Desktop(qtbot, winnow_home, ColorRunner())
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return colors(tmp_path / "bilder")


@pytest.fixture
def sort(desktop: Desktop, folder: Path) -> SortWorkspace:
    """The workspace, shown, with all pictures looked at."""
    desktop.open(folder)
    desktop.do("workspace_sort")
    session = desktop.services.sorting
    desktop.until(lambda: len(session.looker.vectors) == len(list(folder.iterdir())) - 1)  # without .winnow
    return desktop.window.sort


def _file(desktop: Desktop, ids: list[str], name: str) -> None:
    desktop.window.sort.grid.select_ids(ids)
    desktop.window.sort.file(name)
    _settled(desktop)


def _settled(desktop: Desktop) -> None:
    """Nothing moves, and what moved is listed at its new place."""
    session = desktop.services.sorting
    desktop.until(lambda: not session.sorter.busy and session.filing.settled)


def _teach(desktop: Desktop) -> None:
    for name in ("red", "blue"):
        _file(desktop, [f"{name} {n}.png" for n in (1, 2, 3)], name)
    session = desktop.services.sorting
    desktop.until(lambda: len(session.suggestions) == 12 and session.judged.learned is not None)


def _names(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir() if f.is_file())


def test_a_key_files_the_selected_and_the_next_one_is_selected(
    desktop: Desktop, sort: SortWorkspace, folder: Path
) -> None:
    _file(desktop, ["red 1.png"], "animals/cat")
    assert _names(folder / "animals" / "cat") == ["red 1.png"]
    desktop.until(lambda: len(sort.folders.keys()) == 2)
    assert sort.folders.keys() == {"1": "animals", "2": "animals/cat"}
    sort.grid.select_ids(["blue 1.png"])
    QTest.keyClick(sort.grid, Qt.Key.Key_2)
    assert sort.grid.selected_ids() == ["blue 2.png"]  # at once, before the disk is done
    _settled(desktop)
    assert _names(folder / "animals" / "cat") == ["blue 1.png", "red 1.png"]
    desktop.until(lambda: desktop.window.actions_["undo"].isEnabled())
    desktop.do("undo")
    _settled(desktop)
    desktop.until(lambda: "blue 1.png" in sort.model.ids())
    assert (folder / "blue 1.png").is_file()
    desktop.do("redo")
    _settled(desktop)
    assert (folder / "animals/cat/blue 1.png").is_file()


def test_it_learns_from_a_few_and_moves_nothing_unasked(desktop: Desktop, sort: SortWorkspace, folder: Path) -> None:
    _teach(desktop)
    session = desktop.services.sorting
    assert session.suggestions["red 5.png"].label == "red"
    assert session.suggestions["blue 4.png"].label == "blue"
    assert len(_names(folder)) == 12
    desktop.until(lambda: {section.key for section in sort.model.sections} == {"red", "blue"})
    sort.grid.select_ids(["red 4.png", "red 5.png"])
    QTest.keyClick(sort.grid, Qt.Key.Key_Return)
    _settled(desktop)
    assert _names(folder / "red") == [f"red {n}.png" for n in range(1, 6)]
    assert session.score == (2, 2)
    sort.bar.slider.setValue(50)
    desktop.until(lambda: desktop.window.actions_["sort_accept_above"].isEnabled())
    expected = {i: s.label for i, s in session.suggestions.items() if s.label and s.confidence >= 0.5}
    desktop.do("sort_accept_above")
    _settled(desktop)
    assert len(set(expected.values())) > 1
    assert all((folder / str(label) / i).is_file() for i, label in expected.items())
    desktop.do("undo")  # one for all classes
    _settled(desktop)
    assert all((folder / i).is_file() for i in expected)


def test_a_rejected_suggestion_gives_way_to_the_next(desktop: Desktop, sort: SortWorkspace) -> None:
    _teach(desktop)
    session = desktop.services.sorting
    sort.grid.select_ids(["red 6.png"])
    following = sort.grid.following_id()
    QTest.keyClick(sort.grid, Qt.Key.Key_X)
    assert session.suggestions["red 6.png"].label == "blue"
    assert session.score == (0, 1)
    assert sort.grid.selected_ids() == [following]  # the rejected one went to the other group
    assert "0%" in sort.bar.accuracy.text()


def test_answers_last_through_a_restart(desktop: Desktop, sort: SortWorkspace, folder: Path) -> None:
    _teach(desktop)
    session = desktop.services.sorting
    sort.grid.select_ids(["red 6.png"])
    QTest.keyClick(sort.grid, Qt.Key.Key_X)
    desktop.do("close_folder")
    desktop.open(folder)
    desktop.do("workspace_sort")
    desktop.until(lambda: len(session.suggestions) == 12 and session.judged.learned is not None)
    assert session.score == (0, 1)
    assert session.suggestions["red 6.png"].label == "blue"
    assert session.suggestions["red 5.png"].label == "red"


def test_a_long_move_shows_how_far_it_is_and_can_be_stopped(
    desktop: Desktop, sort: SortWorkspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, carry = desktop.services.sorting, Carrier.carry
    go_on = threading.Event()

    def slowly(carrier: Carrier, step: Step) -> None:
        carry(carrier, step)
        if step.mode is Mode.MOVE:
            go_on.wait(10)

    monkeypatch.setattr(Carrier, "carry", slowly)
    sort.grid.select_ids([f"red {n}.png" for n in range(1, 7)])
    sort.file("red")
    desktop.until(lambda: not sort.moving.isHidden())
    assert "of 7" in sort.moving.said.text()  # with the folder that was made
    sort.moving.stop.click()
    go_on.set()
    _settled(desktop)
    desktop.until(sort.moving.isHidden)
    assert sort.moving.stop.isEnabled()
    moved = _names(folder / "red")
    assert 1 <= len(moved) < 6
    desktop.until(lambda: set(sort.model.ids()) == set(_names(folder)))  # what was not moved is back
    assert len(_names(folder)) == 18 - len(moved)
    assert session.sorter is not None


def test_the_most_useful_come_first(desktop: Desktop, sort: SortWorkspace) -> None:
    _teach(desktop)
    desktop.do("sort_useful")
    margins = [desktop.services.sorting.suggestions[i].margin for i in sort.model.ids()]
    assert margins == sorted(margins)
    sort.folders.tree.choose(UNSURE)
    level = desktop.services.sorting.level
    assert all(desktop.services.sorting.suggestions[i].confidence < level for i in sort.model.ids())


def test_words_suggest_and_unknown_ones_are_told(desktop: Desktop, sort: SortWorkspace) -> None:
    items = (PromptItem("red"), PromptItem("blue"), PromptItem("green", negative=True), PromptItem("quagga"))
    session = desktop.services.sorting
    session.set_prompts(PromptSet("colours", ("a photo of a ",), items, ("",)))
    desktop.until(lambda: bool(session.suggestions))
    assert session.suggestions["blue 2.png"].label == "blue"
    assert session.suggestions["green 2.png"].label is None
    note = sort.notices.messages[0]
    assert "has not learned “quagga”" in note.text
    offer = next(made for made in note.findChildren(QPushButton) if made.text().startswith("Get "))
    assert "MB" in offer.text()
    desktop.runner.held.add(DownloadRequest)
    offer.click()
    desktop.until(lambda: bool(desktop.runner.of(DownloadRequest)))
    assert desktop.runner.of(DownloadRequest)[0].model_id == OFFERED
    assert not sort.notices.messages
    assert session.source != WORDS or session.prompts is not None
    session.looker.vectors.clear()  # kept with the project: the next opening finds them
    desktop.window.sort.set_opened(None)


def test_pictures_are_dropped_on_classes_and_on_plus(
    desktop: Desktop, sort: SortWorkspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *_a, **_k: ("warm", True))
    sort.grid.select_ids(["red 1.png", "red 2.png"])
    _drop(sort, NEW)
    desktop.until(lambda: (folder / "warm" / "red 2.png").is_file())
    _settled(desktop)
    sort.grid.select_ids(["red 3.png"])
    desktop.until(lambda: len(sort.folders.keys()) == 1)
    _drop(sort, CLASS + "warm")
    desktop.until(lambda: (folder / "warm" / "red 3.png").is_file())
    _settled(desktop)
    sort.folders.tree.choose(CLASS + "warm")
    assert len(sort.model.ids()) == 3
    sort.grid.select_ids(["warm/red 1.png"])
    _drop(sort, "unsorted")
    desktop.until(lambda: (folder / "red 1.png").is_file())
    _settled(desktop)


def _drop(sort: SortWorkspace, key: str) -> None:
    tree, mime = sort.folders.tree, QMimeData()
    mime.setData(MIME, b"1")
    at = QPointF(tree.visualRect(tree._items[key].index()).center())
    tree.dropEvent(
        QDropEvent(at, Qt.DropAction.MoveAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    )


def test_removing_waits_in_the_project(desktop: Desktop, sort: SortWorkspace, folder: Path) -> None:
    sort.grid.select_ids(["green 1.png", "green 2.png"])
    QTest.keyClick(sort.grid, Qt.Key.Key_Delete)
    assert "green 1.png" not in sort.model.ids()
    _settled(desktop)
    assert not (folder / "green 1.png").exists()
    desktop.until(lambda: desktop.window.actions_["undo"].isEnabled())
    assert not sort.folders._removed.isHidden()
    desktop.do("undo")
    _settled(desktop)
    desktop.until(lambda: "green 1.png" in sort.model.ids())
    assert (folder / "green 1.png").is_file()


def test_copies_leave_the_original_and_count_it_as_sorted(desktop: Desktop, sort: SortWorkspace, folder: Path) -> None:
    sort.folders.mode_wanted.emit(Mode.COPY)
    assert next(b for b in sort.folders.modes.buttons() if b.isChecked()).property("mode") == "copy"
    _file(desktop, ["red 1.png"], "red")
    desktop.until(lambda: "red 1.png" not in sort.model.ids())
    assert (folder / "red 1.png").is_file()
    assert (folder / "red" / "red 1.png").is_file()
    desktop.do("undo")
    _settled(desktop)
    desktop.until(lambda: "red 1.png" in sort.model.ids())


def test_search_by_words_and_by_example(desktop: Desktop, sort: SortWorkspace) -> None:
    sort.folders.tree.choose(ALL)
    sort.grid.select_ids(["red 6.png"])
    desktop.do("find")
    sort.search.field.setText("blue")
    QTest.keyClick(sort.search.field, Qt.Key.Key_Return)
    assert sort.search.title.text() == "Searching…"
    desktop.until(lambda: desktop.services.sorting.finder.found is not None)
    desktop.until(lambda: sort.search.title.text() == "Found in All pictures")
    assert sort.grid.verticalScrollBar().value() == 0 and not sort.grid.selected_ids()
    assert {i.split()[0] for i in sort.model.ids()[:6]} == {"blue"}
    sort.search.set_terms([Term("", "green 1.png"), Term("", "red 1.png", plus=False)])
    desktop.until(lambda: sort.model.ids()[0].startswith("green"))
    sort.search.set_terms(())
    assert len(sort.model.ids()) == 18
    assert parse("red car on grass −truck +old wheel") == [
        Term("red car on grass"), Term("truck", plus=False), Term("old wheel"),
    ]  # fmt: skip


def test_a_search_goes_on_among_pictures_that_come_later(desktop: Desktop, sort: SortWorkspace, folder: Path) -> None:
    finder = desktop.services.sorting.finder
    sort.search.set_terms([Term("green")])
    desktop.until(lambda: finder.found is not None)
    shutil.copy(folder / "green 1.png", folder / "another.png")
    desktop.services.desk.images.refresh()
    desktop.until(lambda: "another.png" in finder.found)
    assert not finder.searching
    sort.search.set_terms(())
    assert finder.found is None
    desktop.until(lambda: "Unsorted" in sort.search.title.text())


def test_stacks_are_resolved_to_their_best(desktop: Desktop, folder: Path) -> None:
    shutil.copy(folder / "red 1.png", folder / "red 1 copy.png")
    desktop.open(folder)
    desktop.do("workspace_sort")
    session = desktop.services.sorting
    desktop.until(lambda: len(session.looker.vectors) == 19)
    sort = desktop.window.sort
    desktop.do("sort_alike")
    desktop.until(lambda: bool(sort.model.ids()))
    stack = next(s for s in sort.model.sections if "red 1.png" in sort.model.ids()[s.start : s.start + s.count])
    others = sort.listing.offered(stack.key)
    heading = QPoint(20, 25 + sort.grid.visualRect(sort.model.index(stack.start)).top() - 38)
    QTest.mouseClick(sort.grid.viewport(), Qt.MouseButton.LeftButton, pos=heading)
    assert sort.grid.selected_ids() == others  # to be dropped on a class
    sort.grid.section_offer.emit(stack.key)
    _settled(desktop)
    assert others
    assert not any((folder / other).exists() for other in others)
    assert (folder / stack.key).is_file()


def test_how_the_grid_shows_pictures_is_kept(desktop: Desktop, sort: SortWorkspace) -> None:
    _teach(desktop)
    settings, small = desktop.services.settings, sort.grid.visualRect(sort.model.index(0)).width()
    desktop.until(lambda: len(sort.model.sections) > 1)  # by what is suggested
    sort.search.groups.setChecked(False)
    assert len(sort.model.sections) == 1
    sort.search.size_slider.setValue(300)
    assert sort.grid.visualRect(sort.model.index(0)).width() > small
    before = sort.grid.delegate.smallest_tile().height()
    sort.search.details.setChecked(True)
    assert sort.grid.delegate.smallest_tile().height() > before
    desktop.until(lambda: "×" in sort.model.facts(sort.model.ids()[0]))
    assert [settings.get(f"sort.{key}") for key in ("thumbnail_size", "details", "groups")] == [300, True, False]


def test_classes_are_renamed_and_merged(
    desktop: Desktop, sort: SortWorkspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    _file(desktop, ["red 1.png"], "red")
    _file(desktop, ["blue 1.png"], "blue")
    sort.folders.rename_wanted.emit("red", "crimson")
    desktop.until(lambda: (folder / "crimson" / "red 1.png").is_file())
    sort.folders.merge_wanted.emit("blue", "crimson")
    desktop.until(lambda: (folder / "crimson" / "blue 1.png").is_file())
    desktop.until(lambda: list(sort.folders.keys().values()) == ["crimson"])
    _settled(desktop)


def test_the_keys_of_one_workspace_do_nothing_in_the_other(desktop: Desktop, sort: SortWorkspace) -> None:
    assert not desktop.window.actions_["flag"].isEnabled()
    assert desktop.window.actions_["sort_reject"].isEnabled()
    desktop.do("workspace_annotate")
    assert desktop.window.actions_["flag"].isEnabled()
    assert not desktop.window.actions_["sort_reject"].isEnabled()
    desktop.do("workspace_sort")
    sort.grid.select_ids(["blue 3.png"])
    desktop.do("sort_annotate")
    assert desktop.window.workspace == "annotate"
    assert desktop.services.desk.current == "blue 3.png"
