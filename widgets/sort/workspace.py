"""The Sort workspace: class folders left, the grid with search and suggestions in the middle, the picture right."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QSplitter, QVBoxLayout, QWidget

from app.library import ThumbnailService
from app.session.desk import Opened
from app.session.facts import Facts
from app.session.record import AUTO, LEARNED, NONE, TRAINED, WORDS
from app.session.shelf import Shelf
from app.session.sorting import SortSession
from app.settings import Settings
from app.sorting.suggest import Suggestion
from widgets.actions import Actions
from widgets.message_bar import MessageBar
from widgets.sort.class_tree import CLASS
from widgets.sort.folders_panel import ALIKE, ALL, UNSORTED, FoldersPanel
from widgets.sort.grid import Grid
from widgets.sort.grid_model import Caption, GridModel
from widgets.sort.hint import Hint
from widgets.sort.listing import Listing
from widgets.sort.moving_bar import MovingBar
from widgets.sort.preview import LARGE, Closeup, PreviewPanel
from widgets.sort.search_bar import SearchBar, Term
from widgets.sort.suggestions_bar import SuggestionsBar
from widgets.sort.unlearned import tell

_QUICK_S = 0.03
_HELD_MS = 200
_SHARE, _LATEST_S = 4.0, 2.0  # listing takes at most a fifth of the time, and waits no longer than this


class SortWorkspace(QWidget):
    """Joins the parts; what happens is the session's.

    Signals:
        annotate_wanted(image id): the picture shall be shown on the canvas.
        models_wanted(): the Models workspace.
        prompts_wanted(image id or ""): the prompt editor, with this picture beside it.
        history_shown(undo text, redo text): "" for what cannot be done.
    """

    annotate_wanted = Signal(str)
    models_wanted = Signal()
    prompts_wanted = Signal(str)
    history_shown = Signal(str, str)
    failed = Signal(object)
    message = Signal(str)

    def __init__(
        self, session: SortSession, shelf: Shelf, settings: Settings, actions: Actions, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._shelf, self._settings, self._actions = session, shelf, settings, actions
        self._opened: Opened | None = None
        self._facts: Facts | None = None
        self._large: ThumbnailService | None = None
        self._cost_s = 0.0  # what listing took the last time
        self._asked = False  # a search was: its answer is another list altogether
        self._soon = QTimer(self, singleShot=True)
        self._soon.timeout.connect(lambda: self._list(anew=False))
        self.model = GridModel(self)
        self.grid = Grid(self.model)
        self.grid.set_edge(int(settings.get("sort.thumbnail_size")))
        self.grid.set_details(bool(settings.get("sort.details")))
        self.listing = Listing(session)
        self.folders = FoldersPanel()
        self.preview = PreviewPanel()
        self.closeup = Closeup(self.grid)
        self.closeup.hide()
        self.search = SearchBar(
            int(settings.get("sort.thumbnail_size")),
            details=bool(settings.get("sort.details")),
            groups=bool(settings.get("sort.groups")),
        )
        self.bar = SuggestionsBar(
            actions["sort_accept_above"], actions["sort_accept"], actions["sort_reject"], actions["sort_useful"],
            actions["sort_prompts"],
        )  # fmt: skip
        self.notices = MessageBar()
        self.moving = MovingBar()
        self._hint = Hint(settings)
        self._lay_out()
        self._connect()
        actions.put_on_grid(self.grid)
        self._connect_actions()

    # What is shown --------------------------------------------------------------------------------------------------

    def set_opened(self, opened: Opened | None) -> None:
        """Another folder, or none."""
        self._let_go()
        self._opened = opened
        self.notices.clear()
        self.search.set_terms(())
        if opened is not None:
            folder = opened.project.folder
            self._facts = Facts(folder, self)
            self._facts.ready.connect(self._on_facts)
            self._large = ThumbnailService(folder, edge=LARGE, memory_bytes=64 << 20, threads=1, parent=self)
            self.model.set_source(folder, opened.thumbnails)
            self.model.facts = self._facts.get
        for picture in (self.closeup, self.preview.picture):
            picture.set_source(opened.thumbnails if opened is not None else None, self._large)
        self._session.set_opened(opened)
        self.folders.tree.choose(UNSORTED)
        self._show_all()

    def enter(self) -> None:
        """The workspace is shown."""
        self._session.enter()
        self._show_all()
        self.grid.setFocus()

    def layout_text(self) -> str:
        """How the panels share the width, to be kept."""
        return bytes(self._split.saveState().toBase64().data()).decode("ascii")

    def restore_layout(self, text: str) -> None:
        if text:
            self._split.restoreState(QByteArray.fromBase64(text.encode("ascii")))

    def show_undo(self) -> None:
        """Tells the window what undo and redo are here."""
        sorter = self._session.sorter
        self.history_shown.emit((sorter.undo_text or "") if sorter else "", (sorter.redo_text or "") if sorter else "")

    def close_down(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        self.closeup.set_source(None, None)
        self.preview.picture.set_source(None, None)
        self.model.set_source(Path(), None)
        self.model.facts = lambda _id: ""
        for part in (self._facts, self._large):
            if part is not None:
                part.close()
                part.deleteLater()
        self._facts = self._large = None

    # Building -------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for strip in (self.search, self.moving, self.notices, self._hint):
            column.addWidget(strip)
        column.addWidget(self.grid, 1)
        column.addWidget(self.bar)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        for widget, least in ((self.folders, 190), (middle, 420), (self.preview, 200)):
            widget.setMinimumWidth(least)
            self._split.addWidget(widget)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([250, 800, 270])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split)

    def _connect(self) -> None:
        session, folders, grid, search, bar = self._session, self.folders, self.grid, self.search, self.bar
        session.failed.connect(self.failed)
        session.message.connect(self.message)
        session.leaving.connect(self._show_left)
        session.pictures_changed.connect(self._show_pictures)
        session.suggestions_changed.connect(self._show_pictures)
        session.classes_changed.connect(self._show_classes)
        session.history_changed.connect(self._show_history)
        session.state_changed.connect(self._show_state)
        session.progressed.connect(bar.show_progress)
        session.moving.connect(self.moving.show_moving)
        self.moving.stop_wanted.connect(session.stop_moving)
        session.unlearned.connect(lambda words: tell(words, self.notices, self._shelf, self.models_wanted.emit))
        self._shelf.changed.connect(self._show_state)
        self._shelf.classifier_changed.connect(lambda _: self.notices.clear())  # the other model knows other words
        folders.shown.connect(self._on_tray)
        folders.file_wanted.connect(self.file)
        folders.new_wanted.connect(self._make_class)
        folders.rename_wanted.connect(lambda old, new: self._with_sorter("rename_class", old, new))
        folders.merge_wanted.connect(self._merge)
        folders.mode_wanted.connect(lambda mode: self._with_sorter("set_mode", mode))
        folders.root_wanted.connect(lambda root: self._with_sorter("set_root", root))
        folders.empty_wanted.connect(lambda: self._with_sorter("empty_removed"))
        folders.reveal_wanted.connect(self._reveal)
        grid.chosen.connect(self._show_chosen)
        grid.opened.connect(lambda _id: self._toggle_closeup())
        grid.section_offer.connect(self._take_offer)
        grid.size_wanted.connect(search.step_size)
        search.terms_changed.connect(self._search)
        search.example_wanted.connect(self._add_examples)
        search.size_changed.connect(self._set_size)
        search.details_changed.connect(self._set_details)
        search.groups_changed.connect(self._set_groups)
        bar.source_wanted.connect(session.set_source)
        bar.model_wanted.connect(self._shelf.use)
        bar.level_changed.connect(session.set_level)
        self.preview.class_wanted.connect(self.file)
        self.preview.closeup_wanted.connect(self._toggle_closeup)
        self.closeup.clicked.connect(self._toggle_closeup)
        self.model.caption = self._caption
        self.model.badge = self._badge

    def _connect_actions(self) -> None:
        session, actions = self._session, self._actions
        actions.connect_all(
            {
                "sort_accept": self._accept, "sort_reject": self._reject, "sort_remove": self.remove,
                "sort_accept_above": session.accept_above, "sort_useful": self._show_from_top,
                "sort_new_class": lambda: self.folders.ask_for_class(with_pictures=False),
                "sort_alike": lambda: self.folders.tree.choose(ALIKE),
                "sort_prompts": self._edit_prompts,
                "sort_quick_look": self._toggle_closeup, "sort_annotate": self._annotate, "undo": session.undo,
                "redo": session.redo,
                **{f"class_{n}": partial(self._use_key, str(n)) for n in range(1, 10)},
            },
            "sort",
        )  # fmt: skip

    # Asking for it --------------------------------------------------------------------------------------------------

    def file(self, name: str) -> None:
        """Files the selected pictures under a class."""
        ids = self.grid.selected_ids()
        if not ids:
            self.message.emit(self.tr("Select pictures first."))
            return
        self._session.file(ids, name)

    def remove(self) -> None:
        """The selected pictures, or in the stacks all but the best of each that is touched, go to the removed ones."""
        ids = self.grid.selected_ids()
        if ids:
            self._session.remove(ids)

    def _use_key(self, key: str) -> None:
        name = self.folders.keys().get(key)
        if name is None:
            self.message.emit(self.tr("No class has the key %1 yet.").replace("%1", key))
        else:
            self.file(name)

    def _accept(self) -> None:
        if not self._session.accept(self.grid.selected_ids()):
            self.message.emit(self.tr("Nothing is suggested for the selected pictures."))

    def _reject(self) -> None:
        following = self.grid.following_id()
        if not self._session.reject(self.grid.selected_ids()):
            self.message.emit(self.tr("Nothing is suggested for the selected pictures."))
        elif self.listing.grouped and following is not None:  # the rejected went to another group: on with this one
            self.grid.select_ids([following])

    def _take_offer(self, key: str) -> None:
        """What a heading offers: to accept its sure suggestions, or to remove all but the best of a stack."""
        ids = self.listing.offered(key)
        if self.listing.tray == ALIKE:
            self._session.remove(ids)
        else:
            self._session.accept(ids)

    def _make_class(self, name: str, with_pictures: bool) -> None:
        ids = self.grid.selected_ids() if with_pictures else []
        if ids:
            self._session.file(ids, name)
        else:
            self._with_sorter("create_class", name)

    def _merge(self, source: str, target: str) -> None:
        text = self.tr("Move all pictures of “%1” into “%2” and remove the emptied class? Undo takes it back.")
        title = self.tr("Merge classes")
        answer = QMessageBox.question(self, title, text.replace("%1", source).replace("%2", target))
        if answer is QMessageBox.StandardButton.Yes:
            self._with_sorter("merge_classes", [source], target)

    def _with_sorter(self, what: str, *values: object) -> None:
        sorter = self._session.sorter
        if sorter is not None:
            getattr(sorter, what)(*values)

    def _reveal(self, name: str) -> None:
        sorter = self._session.sorter
        if sorter is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(sorter.root / name)))

    def _annotate(self) -> None:
        current = self.grid.current_id()
        if current is not None:
            self.annotate_wanted.emit(current)

    def _edit_prompts(self) -> None:
        first = next(iter(self.model.ids()), "")
        self.prompts_wanted.emit(self.grid.current_id() or first)

    # Search and views -----------------------------------------------------------------------------------------------

    def _search(self, terms: Sequence[Term]) -> None:
        self.notices.clear()
        self._asked = True
        self._session.search([(term.text, term.image_id, term.plus) for term in terms])
        if terms:
            self.search.show_title(self.tr("Searching…"))

    def _add_examples(self, plus: bool) -> None:
        self.search.add([Term("", image_id, plus) for image_id in self.grid.selected_ids()[:5]])

    def _set_size(self, size: int) -> None:
        self._settings.set("sort.thumbnail_size", size)
        self.grid.set_edge(size)

    def _set_details(self, on: bool) -> None:
        self._settings.set("sort.details", on)
        self.grid.set_details(on)

    def _set_groups(self, on: bool) -> None:
        self._settings.set("sort.groups", on)
        self._show_from_top()

    def _on_tray(self, key: str) -> None:
        self.listing.tray = key
        self._hide_closeup()
        if key == ALIKE:
            self._session.find_stacks()
        self._show_from_top()

    def _toggle_closeup(self) -> None:
        if self.closeup.isVisible():
            self._hide_closeup()
        elif self.model.rowCount():
            if self.grid.current_id() is None:
                self.grid.select_ids(self.model.ids()[:1])
            self.closeup.setGeometry(self.grid.rect())
            self.closeup.show()
            self.closeup.show_picture(self.grid.current_id())
            self.grid.setFocus()

    def _hide_closeup(self) -> None:
        self.closeup.hide()

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.closeup.setGeometry(self.grid.rect())

    # Showing --------------------------------------------------------------------------------------------------------

    def _show_all(self) -> None:
        self._show_classes()
        self._show_state()
        self._show_history()
        self._show_from_top()

    def _show_pictures(self) -> None:
        """Something is another: lists anew, at once where that is quick, else when things have calmed down."""
        if self._cost_s < _QUICK_S:
            self._list(anew=False)
        elif not self._soon.isActive():
            self._soon.start(round(min(_LATEST_S, _SHARE * self._cost_s) * 1000))

    def _show_left(self, image_ids: list[str]) -> None:
        """Pictures that were filed leave at once."""
        if self.listing.tray != ALL:
            shown = self.listing.without(self.model.ids(), self.model.sections, image_ids)
            self.grid.show_pictures(shown.ids, shown.sections)

    def _show_from_top(self) -> None:
        self._list(anew=True)

    def _list(self, *, anew: bool) -> None:
        """Lists what the tray holds now. Not while nobody looks: entering does it."""
        if not self.isVisible() and not anew:
            return
        if self.grid.held and not anew:
            self._soon.start(_HELD_MS)
            return
        self._soon.stop()
        if self._asked and not self._session.finder.searching:
            anew, self._asked = True, False
        start = time.perf_counter()
        listing = self.listing
        listing.useful, listing.groups = self._actions["sort_useful"].isChecked(), self.search.groups.isChecked()
        shown = listing.list()
        self.grid.show_pictures(shown.ids, shown.sections, anew=anew)
        self.grid.say(shown.why_empty)
        self.search.show_title(self.tr("Searching…") if self._session.finder.searching else shown.title)
        for key, count in listing.counts().items():
            self.folders.tree.show_count(key, count)
        self.bar.show_above(listing.above, self._session.level)
        self._cost_s = time.perf_counter() - start

    def _show_classes(self) -> None:
        sorter, opened = self._session.sorter, self._opened
        if sorter is None or opened is None:
            self.folders.show_classes((), {})
            return
        self.folders.show_root(sorter.root, opened.project.folder)
        self.folders.show_mode(sorter.mode)
        classes = sorter.classes
        self.folders.show_classes(classes, {folder.name: self.listing.color(folder.name) for folder in classes})
        self.folders.setEnabled(sorter.read_only_reason is None)

    def _show_history(self) -> None:
        sorter = self._session.sorter
        self.folders.show_removed(sorter.removed_count if sorter is not None else 0)
        self.show_undo()

    def _show_state(self) -> None:
        session, bar = self._session, self.bar
        words = self.tr("words: %1").replace("%1", session.prompts.name) if session.prompts else self.tr("words")
        bar.show_sources(
            (
                (AUTO, self.tr("examples, else words")), (LEARNED, self.tr("examples")), (WORDS, words),
                *((TRAINED + spec.id, spec.title) for spec in self._shelf.trained()), (NONE, self.tr("nothing")),
            ),
            session.source,
        )  # fmt: skip
        bar.show_models([(spec.id, spec.title) for spec in self._shelf.classifiers()], session.model)
        bar.say(session.state_text())
        bar.show_accuracy(*session.score)

    def _show_chosen(self) -> None:
        """The selection or the focus moved."""
        ids, current = self.grid.selected_ids(), self.grid.current_id()
        suggested = sum((one := self._session.suggestions.get(i)) is not None and one.label is not None for i in ids)
        self.bar.show_selected(suggested)
        self.search.show_examples(len(ids))
        self._show_preview(current)
        if self.closeup.isVisible():
            self.closeup.show_picture(current)

    def _show_preview(self, current: str | None) -> None:
        if current is None:
            self.preview.show_picture(None)
            self.preview.show_shares(())
            return
        problem = self.model.problem(current) or self._session.looker.problems.get(current)
        name = self._session.class_of(current)
        self.preview.show_picture(
            current,
            self.tr("in %1").replace("%1", name) if name else self.tr("unsorted"),
            self.model.facts(current),
            f"{problem.message} {problem.remedy or ''}".strip() if problem is not None else "",
        )
        shares = [(label, share) for label, share in self._session.judged.shares(current) if label is not None]
        self.preview.show_shares([(label, self.listing.color(label), share) for label, share in shares])

    def _on_facts(self, image_ids: list[str]) -> None:
        if self.grid.delegate.details:
            self.model.repaint(image_ids)
        current = self.grid.current_id()
        if current is not None and current in image_ids:
            self.preview.facts.setText(self.model.facts(current))

    def _caption(self, image_id: str) -> Caption | None:
        filed = self._session.class_of(image_id)
        if filed is not None:
            return None if self.listing.tray == CLASS + filed else Caption(filed, self.listing.color(filed))
        one: Suggestion | None = self._session.suggestions.get(image_id)
        if one is None or one.label is None:
            return None
        return Caption(one.label, self.listing.color(one.label), one.confidence, one.confidence >= self._session.level)

    def _badge(self, image_id: str) -> str:
        return "done" if self.listing.tray == ALIKE and image_id in self.listing.best else ""
