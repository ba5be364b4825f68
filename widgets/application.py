"""Starts the window: application, theme, language, services, and the event loop that flows run on. No torch here."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import MutableMapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
import qasync
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFileOpenEvent, QImageReader
from PySide6.QtWidgets import QApplication

from app.built import give_back_the_environment
from app.session.desk import Opened
from app.settings import Settings
from app.version import version
from inference.errors import AppError
from inference.pictures import set_max_pixels
from inference.worker.thread import ThreadRunner
from widgets import languages
from widgets.crash import CrashHandler, tell_at_start
from widgets.garbage import GarbageCollector
from widgets.icons import app_icon
from widgets.main_window import MainWindow
from widgets.services import Services, worker_options
from widgets.system_report import SystemReport
from widgets.theme import Theme

log = logging.getLogger(__name__)

BENCH_VARIABLE = "WINNOW_BENCH_START"
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "QT_QPA_PLATFORM")
_WARM_UP_MS = 150
"""After the first paint, so that the window is there before the worker competes for the processor."""


def run(
    paths: Sequence[str | Path] = (),
    model: str | None = None,
    models_dir: str | None = None,
    force_device: str | None = None,
) -> int:
    """Shows the window on a folder or pictures and returns the exit status when it is closed.

    Where a window has that folder already, that one shows them. Raises AppError where there is no screen.
    """
    drop_opencvs_qt()
    need_a_screen()
    app = make_application()
    give_back_the_environment()
    if paths and not (model or models_dir or force_device) and _another_window_takes(paths):
        return 0
    try:
        with ExitStack() as ending:
            settings = Settings()
            languages.install(app, settings.get("ui.language"))
            theme = Theme(app, settings.get("ui.theme"))
            settings.changed.connect(lambda key, value: theme.choose(value) if key == "ui.theme" else None)
            limit_pictures(settings)
            crashes = CrashHandler()
            crashes.install()
            garbage = GarbageCollector()
            ending.callback(garbage.stop)
            loop = qasync.QEventLoop(app)
            ending.callback(loop.close)
            ending.callback(crashes.uninstall)
            # Two children: looking at data need not wait for a training; the trainings themselves take turns.
            runner = ThreadRunner(worker_options(settings, models_dir, force_device), children=2)
            services = Services.make(settings, runner, loop, models_dir)
            ending.callback(services.close)
            crashes.system = SystemReport(services, crashes)
            window = MainWindow(services)
            start = _Start(window, services, paths, model)
            window.installEventFilter(start)
            if isinstance(app, Application):
                app.opened.connect(start.open)
            window.show()
            return int(loop.run_forever())
    except Exception as error:
        tell_at_start(error)  # who starts it from a menu does not see what the command line says
        raise


def drop_opencvs_qt(environment: MutableMapping[str, str] = os.environ) -> None:
    """Takes back that importing OpenCV points all programs at the Qt 5 in its package.

    Ours passes it over, but a file manager or browser that the window opens would load it and fail.
    """
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in Path(environment.get(name, "")).parts:
            del environment[name]


def need_a_screen(environment: MutableMapping[str, str] = os.environ) -> None:
    """AppError where no window can be shown; Qt itself would abort the process, and call for a reinstallation."""
    if sys.platform.startswith("linux") and not any(environment.get(name) for name in _SCREENS):
        raise AppError(
            "There is no screen here to open a window on.",
            remedy="Start Winnow in a desktop session; `main.py --help` lists what works without one.",
        )


def _another_window_takes(paths: Sequence[str | Path]) -> bool:
    from app.handover import hand_over

    taken = hand_over(paths)
    if taken:
        log.info("handed over to the window that has the folder: %s", [str(p) for p in paths])
    return taken


class Application(QApplication):
    """Also hears what macOS wants opened: it says that by an event, at the start and later, not on the command line."""

    opened = Signal(str)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent) and event.file():
            self.opened.emit(event.file())
            return True
        return super().event(event)


def make_application() -> QApplication:
    """The one QApplication, named and with its icon."""
    known = QApplication.instance()
    app = known if isinstance(known, QApplication) else Application(sys.argv[:1])
    app.setApplicationName("Winnow")
    app.setApplicationDisplayName("Winnow")
    app.setApplicationVersion(version())
    app.setDesktopFileName("winnow")
    app.setWindowIcon(app_icon())
    return app


def limit_pictures(settings: Settings) -> None:
    """One setting feeds Pillow's and Qt's limits, now and when it is changed."""

    def apply(key: str, megapixels: object) -> None:
        if key == "images.max_megapixels" and isinstance(megapixels, int):
            set_max_pixels(megapixels * 1_000_000)
            QImageReader.setAllocationLimit(megapixels * 4)  # MB, at four bytes a pixel

    apply("images.max_megapixels", settings.get("images.max_megapixels"))
    settings.changed.connect(apply)


class _Start(QObject):
    """Waits for the first paint, then opens what was asked for, and after that wakes the models."""

    def __init__(self, window: MainWindow, services: Services, paths: Sequence[str | Path], model: str | None) -> None:
        super().__init__(window)
        self._window, self._services, self._paths, self._model = window, services, list(paths), model
        self._painted = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and not self._painted:
            self._painted = True
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._after_paint)
        return False

    def open(self, path: str) -> None:
        """Opens a file or folder that the system names: at once, or after the first paint."""
        if self._painted:
            self._window.open_paths([path])
        else:
            self._paths.append(path)

    def _after_paint(self) -> None:
        if os.environ.get(BENCH_VARIABLE):
            shown = time.time() - psutil.Process().create_time()
            print(f"shown {shown:.3f} torch={'torch' in sys.modules}", flush=True)
            self._window.close()
            return
        self._listen()
        self._window.open_paths(self._paths)
        QTimer.singleShot(_WARM_UP_MS, lambda: self._services.shelf.start(self._model))

    def _listen(self) -> None:
        """Other starts may ask this window for the folder it has, as long as it has it for writing."""
        from app.handover import Door

        door = Door(self)

        def follow(opened: object) -> None:
            if isinstance(opened, Opened) and not opened.project.read_only:
                door.open(opened.project.folder)
            else:
                door.close()

        self._services.desk.opened.connect(follow)
        door.asked.connect(self._on_asked)

    def _on_asked(self, paths: list[str]) -> None:
        window = self._window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.raise_()
        window.activateWindow()
        QApplication.alert(window)  # where the system does not let it come to the front
        window.open_paths(paths)
