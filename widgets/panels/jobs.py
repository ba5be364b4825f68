"""The long jobs: what, how far, how long still, and a way to stop them. Collapses to one line; hidden without jobs."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.session.joblist import JobList, JobRow
from widgets.icons import icon
from widgets.parts import Bar, frame, label, left_text, restyle, tool


class JobsPanel(QWidget):
    """One row for every job, under a heading that folds them away."""

    def __init__(self, jobs: JobList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._views: dict[int, JobView] = {}
        self._folded = False
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        box = frame("bar")
        outer.addWidget(box)
        inside = QVBoxLayout(box)
        inside.setContentsMargins(12, 5, 8, 6)
        inside.setSpacing(2)
        head = QHBoxLayout()
        self._summary = label(role="muted")
        self._fold = tool("chevron-down", self.tr("Fold the jobs away"), self.toggle, 14)
        head.addWidget(self._summary, 1)
        head.addWidget(self._fold)
        inside.addLayout(head)
        self._list = QWidget()
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(0, 0, 0, 2)
        self._rows.setSpacing(4)
        inside.addWidget(self._list)
        jobs.added.connect(self._add)
        jobs.changed.connect(self._change)
        jobs.removed.connect(self._remove)
        for row in jobs.rows:
            self._add(row.ticket.id)
        self._refresh()

    def toggle(self) -> None:
        """Folds the list to one line, or opens it again."""
        self._folded = not self._folded
        self._list.setVisible(not self._folded)
        text = self.tr("Show the jobs") if self._folded else self.tr("Fold the jobs away")
        self._fold.setIcon(icon("chevron-up" if self._folded else "chevron-down"))
        self._fold.setToolTip(text)
        self._fold.setAccessibleName(text)

    def _add(self, ticket_id: int) -> None:
        row = self._jobs.get(ticket_id)
        if row is None:
            return
        view = JobView(row)
        view.stop.clicked.connect(lambda: self._jobs.cancel(ticket_id))
        self._views[ticket_id] = view
        self._rows.addWidget(view)
        self._refresh()

    def _change(self, ticket_id: int) -> None:
        row = self._jobs.get(ticket_id)
        if row is not None and ticket_id in self._views:
            self._views[ticket_id].show_row(row)
        self._refresh()

    def _remove(self, ticket_id: int) -> None:
        view = self._views.pop(ticket_id, None)
        if view is not None:
            self._rows.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._refresh()

    def _refresh(self) -> None:
        count = len(self._views)
        self.setVisible(bool(count))
        text = self.tr("1 job") if count == 1 else self.tr("%1 jobs").replace("%1", str(count))
        known = [row.fraction for row in self._jobs.rows if row.fraction is not None]
        self._summary.setText(f"{text} · {round(100 * sum(known) / len(known))} %" if known else text)


class JobView(QWidget):
    """One job: title, bar, what it does now, time left, stop."""

    def __init__(self, row: JobRow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        self._title = label(row.title)
        self._title.setMinimumWidth(180)
        self._bar = Bar(row.title)
        self._bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._text = label(role="muted")
        self._text.setMinimumWidth(220)
        self._text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.stop = tool("stop", self.tr("Stop: %1").replace("%1", row.title), size=16)
        for widget, stretch in ((self._title, 0), (self._bar, 1), (self._text, 0), (self.stop, 0)):
            line.addWidget(widget, stretch)
        self.show_row(row)

    def show_row(self, row: JobRow) -> None:
        waiting = row.started_at is None
        self._bar.show_fraction(0.0 if waiting else row.fraction)
        parts = [row.message]
        if row.fraction is not None:
            parts.append(f"{row.fraction:.0%}")
        if row.seconds_left is not None:
            parts.append(left_text(row.seconds_left))
        self._text.setText(" · ".join(part for part in parts if part))
        self.stop.setEnabled(not row.stopping)
        restyle(self._title, "role", "muted" if row.stopping else "")
