"""macOS says by an event what the program was opened with: before the window shows, and while it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

ROOT = Path(__file__).resolve().parents[2]
SCENE = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtGui import QFileOpenEvent
from widgets import application

app = application.make_application()
send = lambda path: app.sendEvent(app, QFileOpenEvent(path))
opened = []

class Watched(application.MainWindow):
    def __init__(self, services):
        super().__init__(services)
        services.shelf.start = lambda model: None  # no models here
        QTimer.singleShot(0, lambda: send(sys.argv[1]))

    def open_paths(self, paths):
        if paths:
            super().open_paths(paths)
            opened.extend(paths)
            QTimer.singleShot(0, self.close if len(opened) == 2 else lambda: send(sys.argv[2]))

application.MainWindow = Watched
status = application.run()
print(*opened, sep="\\n")
sys.exit(status)
"""


def test_what_macos_names_is_opened(tmp_path: Path, winnow_home: Path) -> None:
    paths = [tmp_path / "first" / "a.png", tmp_path / "second"]
    paths[1].mkdir()
    paths[0].parent.mkdir()
    picture = QImage(32, 24, QImage.Format.Format_RGB888)
    picture.fill(Qt.GlobalColor.red)
    for file in (paths[0], paths[1] / "b.png"):
        assert picture.save(str(file))
    done = subprocess.run(
        [sys.executable, "-c", SCENE, *map(str, paths)], cwd=ROOT, capture_output=True, text=True, timeout=100,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(path) for path in paths]
