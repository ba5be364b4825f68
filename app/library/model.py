"""`ImageModel`: the pictures of a project as a list for views, in natural order, filtered, alive."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QStringListModel, Qt, QTimer, Signal

from app.instance import ImageState, ImageSummary
from app.library.filter import Filter
from app.library.follower import Follower
from app.library.roles import Role, read_role
from app.library.scan import Difference, Entry
from app.library.thumbnails import ThumbnailService
from app.order import image_key
from app.project import Project
from inference.errors import AppError

Index = QModelIndex | QPersistentModelIndex
_KEY = attrgetter("key")
_GATHER_MS = 30  # thumbnails are shown together: a view lays itself out anew after each change it hears of
_ROW_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
_MANY = 300  # more changes at once than this are shown by one reset


class ImageModel(QStringListModel):
    """Begins to scan the project's folder at once and follows what changes in it.

    Qt's own string list keeps count of the rows and nothing else: a view that lays out 100,000 rows asks for their
    number as often, which took 200 ms through Python and takes 9 in C++.

    Signals:
        scanning(how many so far), scan_finished(): the first look. `problems` then lists unreadable folders.
        filter_changed(): `set_filter` showed another choice.
        pictures_changed(): pictures came or went, in the whole folder.
        lost(bool): the folder is not there any more, or is there again. Its pictures stay listed.
        failed(AppError): the project cannot be read.
    """

    scanning = Signal(int)
    scan_finished = Signal()
    filter_changed = Signal()
    pictures_changed = Signal()
    lost = Signal(bool)
    failed = Signal(object)

    IdRole, PathRole, NameRole, StateRole, CountRole = Role.ID, Role.PATH, Role.NAME, Role.STATE, Role.COUNT
    FlaggedRole, ClassesRole, NoteRole, ProblemRole, MissingRole = (
        Role.FLAGGED,
        Role.CLASSES,
        Role.NOTE,
        Role.PROBLEM,
        Role.MISSING,
    )
    ThumbnailRole = Qt.ItemDataRole.DecorationRole

    def __init__(
        self,
        project: Project,
        thumbnails: ThumbnailService | None = None,
        *,
        watch: bool = True,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._project, self._thumbnails = project, thumbnails
        self._all: list[Entry] = []
        self._shown: list[Entry] = []
        self._per_folder: Counter[str] = Counter()
        self._missing: set[str] = set()
        self._summaries: dict[str, ImageSummary] = {}
        self._loads, self._edited = 0, set[str]()  # how often all summaries were asked for; edits since the last time
        self._filter = Filter()
        self._scanning = True
        self._then: Callable[[], object] | None = None
        for signal in (self.rowsInserted, self.rowsRemoved, self.modelReset):  # before any view connects
            signal.connect(self._rows_changed)
        self._ready: list[str] = []
        self._soon = QTimer(self, singleShot=True, interval=_GATHER_MS)
        self._soon.timeout.connect(self._tell_ready)
        self.problems: list[AppError] = []
        project.images_changed.connect(self._annotated)
        if thumbnails is not None:
            thumbnails.ready.connect(self._thumbnail_ready)
        self._follower = Follower(project.folder, watch=watch, there=lambda: project.in_place, parent=self)
        self._follower.found.connect(self._found)
        self._follower.scanned.connect(self._scanned)
        self._follower.changed.connect(self._changed_on_disk)
        self._follower.rewritten.connect(self._rewritten)
        self._follower.lost.connect(self._on_lost)
        self._load_summaries()
        self._follower.start()

    def close(self) -> None:
        """Stops following the folder. Twice is harmless."""
        self._follower.close()

    def refresh(self) -> None:
        """Looks for changes on disk now."""
        self._follower.look()

    # Asking -----------------------------------------------------------------------------------------------------

    @property
    def is_scanning(self) -> bool:
        return self._scanning

    @property
    def total(self) -> int:
        """How many pictures there are, shown or not."""
        return len(self._all)

    def image_ids(self) -> list[str]:
        """All pictures in order, shown or not."""
        return [entry.image_id for entry in self._all]

    def shown_ids(self) -> list[str]:
        """The pictures that the filter shows, in order."""
        return [entry.image_id for entry in self._shown]

    def folder_counts(self) -> dict[str, int]:
        """How many pictures lie directly in each folder that has any; "" is the open folder."""
        return dict(+self._per_folder)

    def row_of(self, image_id: str) -> int:
        """The row of a picture, -1 when it is not shown."""
        row = bisect_left(self._shown, image_key(image_id), key=_KEY)
        return row if row < len(self._shown) and self._shown[row].image_id == image_id else -1

    def image_id(self, row: int) -> str:
        """IndexError for a row that is not there."""
        if row < 0:
            raise IndexError(row)
        return self._shown[row].image_id

    def next_of(self, image_id: str | None, step: int = 1) -> str | None:
        """The shown picture `step` places on (back when negative), stopping at the ends; None when nothing is shown.

        A picture that the filter hides counts by where it would stand.
        """
        if not self._shown:
            return None
        if image_id is None:
            return self._shown[0 if step > 0 else -1].image_id
        place = bisect_left(self._shown, image_key(image_id), key=_KEY)
        hidden = place == len(self._shown) or self._shown[place].image_id != image_id
        target = place + step - (1 if hidden and step > 0 else 0)
        return self._shown[max(0, min(target, len(self._shown) - 1))].image_id

    def flags(self, index: Index) -> Qt.ItemFlag:
        return _ROW_FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: ARG002
        return False

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        image_id = self._shown[index.row()].image_id
        if role == Qt.ItemDataRole.DecorationRole:
            return None if self._thumbnails is None else self._thumbnails.get(image_id)
        return read_role(self, image_id, role)

    def roleNames(self) -> dict[int, Any]:
        return {**super().roleNames(), **{int(role): role.name.lower().encode() for role in Role}}

    def summary(self, image_id: str) -> ImageSummary:
        """What is known of a picture's annotations."""
        return self._summaries.get(image_id) or ImageSummary(image_id)

    def is_missing(self, image_id: str) -> bool:
        return image_id in self._missing

    def path(self, image_id: str) -> Path:
        return self._project.path_of(image_id)

    def problem(self, image_id: str) -> AppError | None:
        return None if self._thumbnails is None else self._thumbnails.problem(image_id)

    # Filtering --------------------------------------------------------------------------------------------------

    @property
    def filter(self) -> Filter:
        return self._filter

    def set_filter(
        self,
        name_text: str = "",
        state: ImageState | None = None,
        subfolder: str | None = None,
        class_id: int | None = None,
    ) -> None:
        """Shows what fits all of: a part of the path, a state, a subfolder with those below it, an instance's class."""
        wanted = Filter(name_text.strip().casefold(), state, subfolder or None, class_id)
        if wanted != self._filter:
            self._filter = wanted
            self._reset()
            self.filter_changed.emit()

    def _kept(self, entries: Iterable[Entry]) -> list[Entry]:
        if self._filter == Filter():
            return list(entries)
        keeps, summaries = self._filter.keeps, self._summaries
        return [entry for entry in entries if keeps(entry.image_id, summaries.get(entry.image_id))]

    def _reset(self) -> None:
        kept = self._kept(self._all)
        self._then = partial(self._replace_shown, kept)
        self.setStringList([""] * len(kept))

    # What happens -----------------------------------------------------------------------------------------------

    def _found(self, entries: list[Entry]) -> None:
        """The scan comes in order, so its pictures go to the end."""
        self._all += entries
        self._per_folder.update(_folder(entry.image_id) for entry in entries)
        shown = self._kept(entries)
        if shown:
            self._insert(len(self._shown), shown)
        self.scanning.emit(len(self._all))
        QTimer.singleShot(1, self._follower, self._follower.take_next)  # after the view has painted

    def _scanned(self, image_ids: list[str], problems: list[AppError]) -> None:
        self._scanning = False
        self.problems = problems
        self._project.follow_moves(image_ids, self._load_summaries)
        self.scan_finished.emit()
        self.pictures_changed.emit()

    def _changed_on_disk(self, difference: Difference) -> None:
        self.problems += difference.problems
        came = {entry.image_id for entry in difference.added}
        self._missing -= came
        gone = [i for i in difference.removed if i not in came]
        lost = {i for i in gone if self._is_annotated(i)}
        if self._thumbnails is not None:
            self._thumbnails.forget([*gone, *came])
        self._missing |= lost
        self._take(difference.added, [i for i in gone if i not in lost])
        self._tell(lost)
        if self._missing:
            self._project.follow_moves([e.image_id for e in self._all if e.image_id not in self._missing])
        self.pictures_changed.emit()

    def _on_lost(self, lost: bool) -> None:
        if not lost:
            self._rewritten([i for i in self.image_ids() if self.problem(i) is not None])  # thumbnails that failed
        self.lost.emit(lost)

    def _rewritten(self, image_ids: list[str]) -> None:
        if self._thumbnails is not None:
            self._thumbnails.forget(image_ids)
        self._tell(image_ids)

    def _thumbnail_ready(self, image_id: str) -> None:
        self._ready.append(image_id)
        if not self._soon.isActive():
            self._soon.start()

    def _tell_ready(self) -> None:
        ready, self._ready = self._ready, []
        self._tell(ready)

    def _annotated(self, image_ids: list[str]) -> None:
        """Instances or states changed: so may what the filter keeps."""
        if len(image_ids) > _MANY:
            self._load_summaries()
            return
        self._edited.update(image_ids)
        self._ask_again(image_ids)
        found = [i for i in image_ids if i in self._missing and not self._is_annotated(i)]  # under another name
        self._missing.difference_update(found)
        self._take([], found)
        for image_id in image_ids:
            self._judge(image_id)
        self._tell(image_ids)

    def _ask_again(self, image_ids: Iterable[str]) -> None:
        try:
            news = self._project.summary(image_ids)
        except AppError as error:
            self.failed.emit(error)
            return
        for image_id in image_ids:
            self._summaries.pop(image_id, None)
        self._summaries |= news

    def _load_summaries(self) -> None:
        self._loads += 1
        self._edited.clear()
        self._project.in_background(self._project.summary, partial(self._summaries_loaded, self._loads))

    def _summaries_loaded(self, load: int, summaries: dict[str, ImageSummary]) -> None:
        if load != self._loads:
            return  # a later one is under way
        self._summaries = summaries
        self._ask_again(self._edited)  # while it was loaded
        if not self._scanning:
            lost = [i for i in summaries if self._place(i) < 0 and self._is_annotated(i)]
            stale = [i for i in self._missing if not self._is_annotated(i)]  # found again under another name
            self._missing = self._missing.difference(stale).union(lost)
            self._take([Entry(image_key(i), i) for i in lost], stale)
        if self._filter.state is not None or self._filter.class_id is not None:
            self._reset()
        elif self._shown:
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1))

    def _is_annotated(self, image_id: str) -> bool:
        summary = self._summaries.get(image_id)
        return summary is not None and bool(summary.count or summary.note or summary.state is not ImageState.TODO)

    # Rows -------------------------------------------------------------------------------------------------------

    def _take(self, added: Iterable[Entry], removed: Iterable[str]) -> None:
        """Puts pictures into the list and takes others out of it."""
        gone = {i for i in removed if self._place(i) >= 0}
        new = [entry for entry in added if self._place(entry.image_id) < 0]
        many = len(gone) + len(new) > _MANY
        if many:
            kept = [entry for entry in self._all if entry.image_id not in gone]
            self._all = sorted([*kept, *new], key=_KEY)
        else:
            for image_id in gone:
                del self._all[self._place(image_id)]
            for entry in new:
                insort(self._all, entry, key=_KEY)
        self._per_folder.update(_folder(entry.image_id) for entry in new)
        self._per_folder.subtract(map(_folder, gone))
        if many:
            self._reset()
            return
        for image_id in gone:
            self._hide(image_id)
        for entry in self._kept(new):
            self._show(entry)

    def _place(self, image_id: str) -> int:
        """Where a picture is among all, -1 when it is not there."""
        place = bisect_left(self._all, image_key(image_id), key=_KEY)
        return place if place < len(self._all) and self._all[place].image_id == image_id else -1

    def _judge(self, image_id: str) -> None:
        """Shows or hides one picture after it changed."""
        if self._filter.state is None and self._filter.class_id is None:
            return
        place = self._place(image_id)
        if place >= 0:
            if self._kept([self._all[place]]):
                self._show(self._all[place])
            else:
                self._hide(image_id)

    def _show(self, entry: Entry) -> None:
        row = bisect_left(self._shown, entry.key, key=_KEY)
        if row < len(self._shown) and self._shown[row].image_id == entry.image_id:
            return
        self._insert(row, [entry])

    def _hide(self, image_id: str) -> None:
        row = self.row_of(image_id)
        if row >= 0:
            self._then = partial(self._shown.pop, row)
            self.removeRows(row, 1)

    def _insert(self, row: int, entries: list[Entry]) -> None:
        self._then = partial(self._splice, row, entries)
        self.insertRows(row, len(entries))

    def _splice(self, row: int, entries: list[Entry]) -> None:
        self._shown[row:row] = entries

    def _replace_shown(self, entries: list[Entry]) -> None:
        self._shown = entries

    def _rows_changed(self) -> None:
        """Between Qt's change of the number of rows and the first view that hears of it."""
        then, self._then = self._then, None
        if then is not None:
            then()

    def _tell(self, image_ids: Iterable[str]) -> None:
        for image_id in image_ids:
            row = self.row_of(image_id)
            if row >= 0:
                index = self.index(row)
                self.dataChanged.emit(index, index)


def _folder(image_id: str) -> str:
    return image_id.rpartition("/")[0]
