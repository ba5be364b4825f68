"""The Models workspace: models to fetch and use, teaching, runs, measurements. It joins its pages, no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMessageBox, QSplitter, QStackedWidget, QWidget

from app.session.shelf import Shelf
from app.session.teaching import TeachSession
from app.teaching.runs import CLASSIFIER, best_of, best_text
from widgets.models.rail import Rail
from widgets.models_page import ModelsPage
from widgets.parts import reported


class ModelsWorkspace(QWidget):
    """A rail on the left says which page is shown. Pages are made when they are first wanted.

    Args:
        models: the list of models, its first page.
        project: the folder whose annotations can be learned from, or why they cannot.
        folders: the same of its class folders.
    """

    failed = Signal(object)
    message = Signal(str)

    def __init__(
        self,
        session: TeachSession,
        shelf: Shelf,
        models: ModelsPage,
        project: Callable[[], tuple[Path | None, str]],
        folders: Callable[[], tuple[Path | None, str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._shelf, self._project, self._folders = session, shelf, project, folders
        self.models = models
        self.rail = Rail()
        self.stack = QStackedWidget()
        self.stack.addWidget(models)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self.rail)
        split.addWidget(self.stack)
        split.setStretchFactor(1, 1)
        split.setSizes([220, 1000])
        self.rail.setMinimumWidth(160)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(split)
        self._made: dict[str, QWidget] = {"models": models}
        self.rail.page_wanted.connect(self.show_page)
        self.rail.runs_wanted.connect(self._show_runs)
        self.rail.folder_wanted.connect(self._add_folder)
        session.failed.connect(self.failed)
        session.runs_changed.connect(self._on_runs)
        session.run_changed.connect(self._on_run)
        session.rows_changed.connect(lambda folder, _anew: self._on_rows(folder))
        session.taught.connect(self._on_taught)
        self.rail.choose_page("models")

    # Pages ----------------------------------------------------------------------------------------------------------

    def enter(self) -> None:
        """The workspace is shown."""
        self._session.refresh()
        self._enter(self.stack.currentWidget())

    def show_page(self, name: str) -> QWidget:
        """One of the rail's pages."""
        page = self.page(name)
        self.stack.setCurrentWidget(page)
        self._enter(page)
        return page

    def show_run(self, folder: Path) -> None:
        """One run, as if it was clicked."""
        self.rail.choose_run(folder)

    def page(self, name: str) -> QWidget:
        """A page by name, made when it is not there yet: one of the rail's, "run" or "compare"."""
        if name not in self._made:
            self._made[name] = made = getattr(self, f"_make_{name}")()
            self.stack.addWidget(made)
        return self._made[name]

    def _enter(self, page: QWidget | None) -> None:
        if page is not None and page in [self._made.get(name) for name in ("teach", "classify", "measure")]:
            page.enter()  # type: ignore[attr-defined]

    def _make_teach(self) -> QWidget:
        from widgets.models.train_form import TrainForm

        made = TrainForm(self._session, self._shelf, self._project)
        made.begun.connect(self.show_run)
        return made

    def _make_classify(self) -> QWidget:
        from widgets.models.classifier_form import ClassifierForm

        made = ClassifierForm(self._session, self._folders)
        made.begun.connect(self.show_run)
        return made

    def _make_measure(self) -> QWidget:
        from widgets.models.measure_page import MeasurePage

        return MeasurePage(self._session, self._shelf, self._project)

    def _make_run(self) -> QWidget:
        from widgets.models.run_page import RunPage

        made = RunPage()
        made.pause_wanted.connect(self._session.pause)
        made.go_on_wanted.connect(self._session.go_on)
        made.use_wanted.connect(self._use)
        made.measure_wanted.connect(self._measure)
        made.discard_wanted.connect(self._discard)
        for wanted in (made.show_wanted, made.report_wanted):
            wanted.connect(lambda place: QDesktopServices.openUrl(QUrl.fromLocalFile(str(place))))
        return made

    def _make_compare(self) -> QWidget:
        from widgets.models.compare_page import ComparePage

        return ComparePage()

    # What a person wants --------------------------------------------------------------------------------------------

    def _show_runs(self, folders: list[Path]) -> None:
        runs = [run for folder in folders if (run := self._session.run(folder)) is not None]
        if len(runs) == 1:
            page = self.page("run")
            page.show_run(runs[0])  # type: ignore[attr-defined]
            self.stack.setCurrentWidget(page)
        elif runs:
            page = self.page("compare")
            page.show_runs(runs)  # type: ignore[attr-defined]
            self.stack.setCurrentWidget(page)

    def _use(self, folder: Path) -> None:
        run = self._session.run(folder)
        if run is None:
            return
        best = best_of(run.rows)
        name = run.facts.name if best is None else f"{run.facts.name} {best['step']}"
        self._shelf.import_file(run.facts.best, name)
        text = self.tr("“%1” goes into the list of models.")
        if run.facts.kind == CLASSIFIER:
            text = self.tr("“%1” goes into the list of models; choose it in Sort, under “Suggest”.")
        self.message.emit(text.replace("%1", name))

    def _measure(self, folder: Path) -> None:
        run = self._session.run(folder)
        if run is not None:
            self.rail.choose_page("measure")
            self.page("measure").measure(run.facts.best)  # type: ignore[attr-defined]

    def _discard(self, folder: Path) -> None:
        run = self._session.run(folder)
        if run is None:
            return
        text = self.tr("Move the run “%1” with its curves and weights to the trash? Models in the list stay.")
        if run.phase:
            text = self.tr("Stop the run “%1” and move what it has learned to the trash? To go on later, pause it.")
        answer = QMessageBox.question(self, self.tr("Delete run"), text.replace("%1", run.facts.name))
        if answer is QMessageBox.StandardButton.Yes:
            self._session.discard(folder)

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder of a run, or of several"))
        if folder:
            with reported(self.failed):
                self._session.add_folder(Path(folder))

    def _on_taught(self, folder: Path) -> None:
        run = self._session.run(folder)
        if run is not None:
            text = self.tr("“%1” is taught. %2").replace("%1", run.facts.name)
            self.message.emit(text.replace("%2", best_text(run.rows)).strip())

    # What happens ---------------------------------------------------------------------------------------------------

    def _on_runs(self) -> None:
        self.rail.show_runs(self._session.runs)

    def _on_run(self, folder: Path) -> None:
        run = self._session.run(folder)
        if run is None:
            return
        self.rail.show_run(run)
        page = self.stack.currentWidget()
        if page is self._made.get("run") and page.run is run:  # type: ignore[union-attr]
            page.refresh()  # type: ignore[union-attr]

    def _on_rows(self, folder: Path) -> None:
        run, page = self._session.run(folder), self.stack.currentWidget()
        if run is None:
            return
        self.rail.show_run(run)
        if page is self._made.get("run") and page.run is run:  # type: ignore[union-attr]
            page.refresh_rows()  # type: ignore[union-attr]
        elif page is self._made.get("compare") and run in page.runs:  # type: ignore[union-attr]
            page.refresh()  # type: ignore[union-attr]
