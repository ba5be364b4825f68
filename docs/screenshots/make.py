"""Makes the pictures of the window in this folder anew: `python docs/screenshots/make.py` (no screen needed).

It opens the real window on the sample photographs, has the built-in model answer boxes and clicks, and grabs it. What
does not come in time, on a busy machine, is said and left as it was; the rest is made all the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from widgets.main_window import MainWindow
    from widgets.services import Services

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["WINNOW_HOME"] = tempfile.mkdtemp(prefix="winnow-screenshots")
PATIENCE_S = 300
Until = Callable[[str, Callable[[], bool]], None]


class LateError(Exception):
    """The window did not come to something in time."""


def main() -> None:
    import qasync
    from PySide6.QtCore import QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from app.samples import samples
    from app.settings import Settings
    from inference.worker.thread import ThreadRunner
    from widgets.application import make_application
    from widgets.main_window import MainWindow
    from widgets.services import Services, worker_options
    from widgets.theme import Theme

    app, settings = make_application(), Settings()
    theme = Theme(app, "light")
    settings.set("labels.ask", False)
    loop = qasync.QEventLoop(app)
    runner = ThreadRunner(worker_options(settings, None, None))
    services = Services.make(settings, runner, loop)
    window = MainWindow(services)
    known = {sample.file.stem: sample for sample in samples()}

    def until(what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise LateError(what)
            QTest.qWait(20)

    def grab(name: str) -> None:
        QTest.qWait(600)
        print(name, flush=True)
        shrink(window.grab().toImage(), HERE / f"{name}.png")

    def answered() -> bool:
        suggestion = services.session.suggestion
        return suggestion is not None and suggestion.mask is not None

    def ready() -> None:
        """The model has seen the picture, and nothing is said of what was before."""
        until("the model to see the picture", lambda: "–" not in window.status.cache.text)  # "ready", or "new, 2 s"
        window.status.say("")

    def box(stem: str, name: str) -> None:
        services.desk.show(known[stem].file.name)
        services.session.set_box(known[stem].box)
        until(f"an answer to the box in {stem}", answered)
        services.session.accept(services.desk.project.classes.ensure(name).id)

    def cut_out() -> None:
        """The cut-out dialog after a dry run."""
        from app.session.cutouts import State
        from widgets.cutout_dialog import CutoutDialog

        window.dialogs.cut_out()
        dialog = window.findChild(CutoutDialog)
        dialog.resize(1180, 760)
        dialog.form.shadow.setChecked(True)
        dialog.try_first.click()
        until("the end of the dry run", lambda: dialog.session.state is State.IDLE)
        QTest.qWait(300)
        shrink(dialog.grab().toImage(), HERE / "cutouts-light.png")
        dialog.close()

    def annotate() -> None:
        window.open_sample("coffee.jpg")
        until("the folder", lambda: services.desk.images is not None and not services.desk.images.is_scanning)
        for stem, name in (("coffee", "cup"), ("cat", "cat"), ("temple", "building"), ("flower", "flower")):
            box(stem, name)
            services.desk.done_and_next()
        services.desk.show("flower.jpg")
        window.annotate.selection.set([services.desk.document.instances[0].id])
        ready()
        grab("annotate-light")

    def point(x: float, y: float) -> None:
        """The pointer goes to a place given in shares of the picture."""
        canvas, document = window.annotate.canvas, services.desk.document
        spot, none = canvas.view.to_view(x * document.width, y * document.height), Qt.MouseButton.NoButton
        there, plain = QPointF(canvas.mapToGlobal(spot)), Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(canvas, QMouseEvent(QMouseEvent.Type.MouseMove, spot, there, none, none, plain))

    def everything() -> None:
        services.desk.show("astronaut.jpg")
        ready()
        session = services.everything
        window.annotate.canvas.set_tool("everything")
        until("everything in a picture", lambda: session.searched and not session.running)
        point(0.45, 0.25)
        grab("everything-light")

    def words() -> None:
        services.desk.show("officer.jpg")
        ready()
        window.annotate.canvas.set_tool("words")
        window.annotate.words_bar.words.setText("a person; a cat; a quasar")
        window.annotate.words_bar.search.click()
        until("an answer to words", lambda: bool(services.words.asked) and not services.words.running)
        found = services.words.shown
        if found:
            x, y, w, h = found[-1].word.mask.bbox
            point((x + w / 2) / services.desk.document.width, (y + h / 2) / services.desk.document.height)
        grab("words-light")

    def dark() -> None:
        theme.choose("dark")
        try:
            services.desk.show("temple.jpg")
            ready()
            grab("annotate-dark")
            window.show_workspace("models")
            grab("models-dark")
        finally:
            theme.choose("light")  # or what comes after a late model would be grabbed in the dark

    window.resize(1280, 800)
    window.show()
    grab("welcome-light")
    services.shelf.start()
    late = []
    for part in (annotate, everything, words, cut_out, dark, lambda: sort(window, services, until, grab)):
        try:
            part()
        except LateError as what:
            late.append(f"{what} did not come within {PATIENCE_S} s")
    window.close()
    loop.close()
    if late:
        raise SystemExit("; ".join(late))


def sort(window: MainWindow, services: Services, until: Until, grab: Callable[[str], None]) -> None:
    """The Sort workspace on the samples: some filed, the rest suggested from words; and the prompt editor."""
    from PySide6.QtTest import QTest

    from inference.prompt_items import PromptItem, PromptSet
    from widgets.sort.prompt_editor import PromptEditor

    session, page = services.sorting, window.sort
    names = ("cat", "person", "flower", "building", "cup")
    window.show_workspace("sort")
    page.grid.select_ids(["cat.jpg"])
    page.file("animals/cat")
    page.grid.select_ids(["flower.jpg"])
    page.file("flower")
    until("the filing", lambda: not session.sorter.busy and session.filing.settled)
    with_model = bool(services.shelf.classifiers())
    session.set_prompts(PromptSet("things", ("a photo of a ",), tuple(map(PromptItem, names)), ("",)))
    if with_model:
        until("suggestions for all", lambda: len(session.suggestions) == len(page.model.ids()))
        session.set_level(0.6)
    page.grid.select_ids(["temple.jpg"])
    grab("sort-light")
    window.dialogs.edit_prompts("temple.jpg")
    editor = window.findChild(PromptEditor)
    if with_model:
        until("scores in the prompt editor", lambda: bool(editor.bars.rows()))
    QTest.qWait(400)
    shrink(editor.grab().toImage(), HERE / "prompts-light.png")
    editor.reject()


def shrink(image: object, file: Path) -> None:
    """Writes a grabbed picture as small as PNG can without losing a colour."""
    import io

    from PIL import Image
    from PySide6.QtCore import QBuffer, QIODevice

    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[attr-defined]
    Image.open(io.BytesIO(buffer.data().data())).convert("RGB").save(file, optimize=True)


if __name__ == "__main__":
    main()
