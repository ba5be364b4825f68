"""A folder of 100,000 pictures in the real browser: from opening to the first rows on the screen, and the longest time
that the event loop stood still from opening until all was listed; the same again while scrolling and filtering."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication

from app.library import FolderModel, ImageModel, ThumbnailService
from app.project import Project
from app.session.desk import Opened
from app.settings import Settings
from benchmarks.common import report
from benchmarks.gaps import Gaps
from widgets.panels.browser import Browser

COUNT = 100_000
FIRST_PAINT_S, GAP_MS = 1.0, 50.0


def main() -> None:
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    for kind, per_folder in (("one folder", COUNT), ("20 subfolders", COUNT // 20)):
        with tempfile.TemporaryDirectory(prefix="winnow-bench-") as home:
            os.environ["WINNOW_HOME"] = str(Path(home) / "home")
            _measure(application, _generate(Path(home) / "pictures", per_folder), kind)


def _generate(folder: Path, per_folder: int) -> Path:
    """Hard links to a few true JPEGs: every one decodes, none takes space."""
    seeds = folder.parent / "seeds"
    seeds.mkdir()
    for n in range(8):
        Image.effect_noise((640, 480), 20 + n).convert("RGB").save(seeds / f"{n}.jpg")
    folder.mkdir()
    for n in range(COUNT):
        below = folder if per_folder == COUNT else folder / f"shoot {n // per_folder}"
        if n % per_folder == 0:
            below.mkdir(exist_ok=True)
        (below / f"IMG_{n * 7919 % 1_000_003}.jpg").hardlink_to(seeds / f"{n % 8}.jpg")
    return folder


def _measure(application: QApplication, folder: Path, kind: str) -> None:
    browser = Browser(Settings())
    browser.resize(320, 900)
    browser.show()
    application.processEvents()
    gaps, first = Gaps(), _FirstPaint(browser)
    browser.view.viewport().installEventFilter(first)
    gaps.start()
    begun = first.begun = time.perf_counter()
    opened = _open(folder)
    first.thumbnails = opened.thumbnails
    browser.set_opened(opened)
    _until(application, lambda: not opened.images.is_scanning and first.names_s > 0 and first.picture_s > 0)
    listed = time.perf_counter() - begun
    opening = gaps.stop()
    assert opened.images.rowCount() == COUNT, opened.images.rowCount()
    report(f"{COUNT:,} pictures in {kind}: first paint", first.names_s, "s", target=FIRST_PAINT_S)
    report(f"{COUNT:,} pictures in {kind}: first thumbnail painted", first.picture_s, "s")
    report(f"{COUNT:,} pictures in {kind}: all listed", listed, "s")
    report(f"{COUNT:,} pictures in {kind}: longest event-loop gap while opening", opening[-1], "ms", target=GAP_MS)
    used = _use(application, browser, gaps)
    report(f"{COUNT:,} pictures in {kind}: longest gap while scrolling and filtering", used[-1], "ms", target=GAP_MS)
    browser.view.viewport().removeEventFilter(first)
    browser.set_opened(None)
    opened.close()
    browser.close()
    browser.deleteLater()
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    application.processEvents()


def _open(folder: Path) -> Opened:
    project = Project.open(folder)
    thumbnails = ThumbnailService(folder)
    images = ImageModel(project, thumbnails)
    return Opened(project, images, FolderModel(images, folder.name), thumbnails)


def _use(application: QApplication, browser: Browser, gaps: Gaps) -> list[float]:
    """Forty jumps of the scroll bar with thumbnails being made, then a filter typed and taken back."""
    bar, left = browser.view.verticalScrollBar(), list(range(40))
    done: list[bool] = []

    def step() -> None:
        if left:
            bar.setValue(bar.maximum() * left.pop() // 40)
        elif browser.name.text() == "":
            browser.name.setText("99")
        else:
            timer.stop()
            browser.name.setText("")
            QTimer.singleShot(500, lambda: done.append(True))

    timer = QTimer()
    timer.timeout.connect(step)
    gaps.start()
    timer.start(25)
    _until(application, lambda: bool(done))
    return gaps.stop()


def _until(application: QApplication, true: Callable[[], bool], limit_s: float = 60) -> None:
    """Runs the event loop until something is so."""
    timer = QTimer()
    timer.timeout.connect(lambda: application.quit() if true() or time.perf_counter() > end else None)
    end = time.perf_counter() + limit_s
    timer.start(5)
    application.exec()
    timer.stop()
    if not true():
        raise SystemExit("it did not come to an end")


class _FirstPaint(QObject):
    """Notes when the list was first painted with rows in it, and with a thumbnail."""

    def __init__(self, browser: Browser) -> None:
        super().__init__()
        self._browser = browser
        self.begun = self.names_s = self.picture_s = 0.0
        self.thumbnails: ThumbnailService | None = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        model = self._browser.view.model()
        if event.type() == QEvent.Type.Paint and model is not None and model.rowCount():
            # Noted once the paint event is through.
            QTimer.singleShot(0, self._note)
        return super().eventFilter(watched, event)

    def _note(self) -> None:
        now = time.perf_counter() - self.begun
        self.names_s = self.names_s or now
        if not self.picture_s and self.thumbnails is not None and self.thumbnails.made:
            self.picture_s = now


if __name__ == "__main__":
    main()
