"""The prompt editor: prefixes, items and postfixes, what is wrong with them, and live scores on one picture."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.session.prompt_scores import PromptScores, Scored
from app.session.sorting import SortSession
from app.texts import QT_TRANSLATE_NOOP, counted
from inference.errors import AppError
from inference.prompt_items import AGGREGATES, PromptSet
from inference.prompt_sets import bundled, load, save
from widgets.icons import icon
from widgets.message_bar import MessageBar
from widgets.parts import button, calm, label, named
from widgets.sort.preview import Bars
from widgets.sort.prompt_items import ItemsTable
from widgets.sort.prompt_problems import ProblemList

_TYPING_MS = 350
_PROMPTS = (
    QT_TRANSLATE_NOOP("PromptEditor", "1 prompt:"),
    QT_TRANSLATE_NOOP("PromptEditor", "%n prompts, such as"),
)
_BARS = 8


class PromptEditor(QDialog):
    """Edits a copy of the session's prompt set; "Use" hands it over.

    Args:
        image_id: the picture beside it, if there is one.
    """

    models_wanted = Signal()

    def __init__(self, session: SortSession, image_id: str | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._name = ""
        self.setWindowTitle(self.tr("Prompts"))
        self.resize(980, 660)
        self.scores = PromptScores(session, image_id, self)
        self.scores.scored.connect(self._show_scores)
        self.messages = MessageBar()
        self.scores.failed.connect(self.messages.show_error)
        self.prefixes, self.postfixes = _lines(self.tr("Prefixes")), _lines(self.tr("Postfixes"))
        self.items = ItemsTable()
        self.aggregate = QComboBox()
        for value, text in zip(AGGREGATES, (self.tr("their mean"), self.tr("the best of its prompts"),
                                            self.tr("the best wording for all items")), strict=True):  # fmt: skip
            self.aggregate.addItem(text, value)
        named(self.aggregate, self.tr("An item's prompts count by"))
        calm(self.aggregate)
        self.count = label(role="muted", wrap=True)
        self.problems = ProblemList()
        self.problems.models_wanted.connect(self._to_models)
        self.bars = Bars()
        self.verdict = label(role="heading", wrap=True)
        self.best_prompt = label(role="muted", wrap=True)
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setFixedHeight(190)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._look_again)
        self.finished.connect(self.scores.stop)
        self._lay_out()
        for field in (self.prefixes, self.postfixes):
            field.textChanged.connect(self._typing.start)
        self.items.edited.connect(self._typing.start)
        self.aggregate.currentIndexChanged.connect(lambda _: self._typing.start())
        self.scores.pictured.connect(self._show_picture)
        self._show_picture()
        self.set_prompts(session.prompts or load(bundled()["pets"]))

    # The set --------------------------------------------------------------------------------------------------------

    def set_prompts(self, prompts: PromptSet) -> None:
        """Shows a set."""
        self._name = prompts.name
        self.title.setText(prompts.name)
        self.prefixes.setPlainText("\n".join(prompts.prefixes))
        self.postfixes.setPlainText("\n".join(prompts.postfixes))
        self.items.set_items(prompts.items)
        self.aggregate.setCurrentIndex(self.aggregate.findData(prompts.aggregate))
        self._look_again()

    def prompts(self) -> PromptSet:
        """What the fields say."""
        return PromptSet(
            self._name,
            tuple(self.prefixes.toPlainText().split("\n")),
            self.items.written(),
            tuple(self.postfixes.toPlainText().split("\n")),
            self.aggregate.currentData(),
        )

    def accept(self) -> None:
        """The pictures are sorted by these words from now on."""
        self._session.set_prompts(self.prompts())
        super().accept()

    # Within ---------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.title = label(role="heading")
        self.sets = QToolButton()
        self.sets.setText(self.tr("Sets"))
        self.sets.setIcon(icon("folder-open"))
        self.sets.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.sets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.sets.setProperty("role", "menu")
        self.sets.setMenu(self._menu_of_sets())
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.sets)
        head.addWidget(button(self.tr("Save as…"), self._save_as))
        how = QHBoxLayout()
        how.addWidget(label(self.tr("An item's prompts count by"), "muted"))
        how.addWidget(self.aggregate)
        how.addStretch(1)
        sides = QHBoxLayout()
        for title, tip, field in (
            (self.tr("Prefixes"), self.tr("One a line, with the space at its end: “a photo of a ”."), self.prefixes),
            (self.tr("Postfixes"), self.tr("One a line, with the space or comma it begins with."), self.postfixes),
        ):
            column = QVBoxLayout()
            column.setSpacing(3)
            column.addWidget(label(title, "section"))
            column.addWidget(field)
            field.setToolTip(tip)
            sides.addLayout(column)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addLayout(head)
        left.addLayout(sides)
        left.addWidget(label(self.tr("Items"), "section"))
        left.addWidget(self.items, 1)
        left.addLayout(how)
        left.addWidget(self.count)
        left.addWidget(self.problems)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(label(self.tr("On this picture"), "section"))
        right.addWidget(self.picture)
        right.addWidget(self.verdict)
        right.addWidget(self.best_prompt)
        right.addWidget(self.bars)
        right.addStretch(1)
        side = QWidget()
        side.setLayout(right)
        side.setFixedWidth(290)
        right.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.setSpacing(18)
        row.addLayout(left, 1)
        row.addWidget(side)
        self.use = button(self.tr("Use for suggestions"), self.accept, "primary")
        buttons = QHBoxLayout()
        buttons.addWidget(
            label(self.tr("A prompt is prefix, item and postfix as they stand, spaces and all."), "muted"), 1
        )
        buttons.addWidget(button(self.tr("Cancel"), self.reject))
        buttons.addWidget(self.use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addWidget(self.messages)
        layout.addLayout(row, 1)
        layout.addLayout(buttons)

    def _menu_of_sets(self) -> QMenu:
        menu = QMenu(self)
        for name, file in bundled().items():
            menu.addAction(name).triggered.connect(lambda _=False, file=file: self._load(file))
        menu.addSeparator()
        classes = menu.addAction(icon("folder"), self.tr("From the class folders"))
        classes.triggered.connect(lambda: self.set_prompts(self.scores.of_classes()))
        menu.addAction(icon("folder-open"), self.tr("Open a file…")).triggered.connect(self._open_file)
        return menu

    def _load(self, file: Path) -> None:
        try:
            self.set_prompts(load(file))
        except AppError as error:
            self.messages.show_error(error)

    def _open_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, self.tr("Open a prompt set"), "", self.tr("Prompt sets (*.json)"))
        if file:
            self._load(Path(file))

    def _save_as(self) -> None:
        wanted = self._name or "prompts"
        file, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the prompt set"), f"{wanted}.json", self.tr("Prompt sets (*.json)")
        )
        if file:
            self._name = Path(file).stem
            self.title.setText(self._name)
            try:
                save(self.prompts(), file)
            except AppError as error:
                self.messages.show_error(error)

    def _show_picture(self) -> None:
        self.picture.setPixmap(self.scores.thumbnail(260, 186))

    def _look_again(self) -> None:
        self._typing.stop()
        prompts = self.prompts()
        texts = [text for of_item in prompts.prompts() for text in of_item]
        example = f"  “{texts[0]}”" if texts else ""
        said = counted("PromptEditor", _PROMPTS, len(texts))
        self.count.setText(said + example if texts else self.tr("No prompts yet."))
        self.use.setEnabled(self.scores.ask(prompts))

    def _show_scores(self, scored: Scored) -> None:
        self.problems.show_problems(scored.problems, scored.unknown)
        self.items.mark(scored.unknown, scored.guessed)
        if scored.scores is None:
            self.verdict.setText("")
            self.best_prompt.setText(scored.why)
            self.bars.show_rows(())
            return
        found = scored.scores
        order = sorted(zip(found.items, map(float, found.values), strict=True), key=lambda pair: -pair[1])
        self.verdict.setText(found.label if found.label is not None else self.tr("None of these"))
        self.best_prompt.setText(self.tr("best prompt: “%1”").replace("%1", found.prompt))
        self.bars.show_rows([(name, "", share) for name, share in order[:_BARS]])

    def _to_models(self) -> None:
        self.models_wanted.emit()
        self.reject()


def _lines(name: str) -> QPlainTextEdit:
    made = QPlainTextEdit()
    made.setAccessibleName(name)
    made.setTabChangesFocus(True)
    made.setMaximumHeight(84)
    made.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    options = made.document().defaultTextOption()
    options.setFlags(QTextOption.Flag.ShowTabsAndSpaces)  # the space at an end decides
    made.document().setDefaultTextOption(options)
    return made
