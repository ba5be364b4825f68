"""What is seen to before Qt starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from widgets.application import drop_opencvs_qt, need_a_screen

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "QT_QPA_PLATFORM")


def test_opencvs_qt_is_not_handed_on() -> None:
    own = {"QT_QPA_PLATFORM_PLUGIN_PATH": "/opt/qt6/plugins", "HOME": "/root"}
    drop_opencvs_qt(own)
    assert own == {"QT_QPA_PLATFORM_PLUGIN_PATH": "/opt/qt6/plugins", "HOME": "/root"}
    given = {
        "QT_QPA_PLATFORM_PLUGIN_PATH": "/v/site-packages/cv2/qt/plugins",
        "QT_QPA_FONTDIR": "/v/site-packages/cv2/qt/fonts",
    }
    drop_opencvs_qt(given)
    assert not given


def test_any_of_the_screens_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in SCREENS:
        need_a_screen({name: "x"})
    monkeypatch.setattr(sys, "platform", "win32")
    need_a_screen({})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_without_a_screen_it_says_so_and_does_not_abort(tmp_path: Path) -> None:
    rest = {name: value for name, value in os.environ.items() if name not in SCREENS}
    ended = subprocess.run(
        [sys.executable, str(ROOT / "main.py")],
        env={**rest, "WINNOW_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "no screen" in ended.stderr and "main.py --help" in ended.stderr and "qt.qpa" not in ended.stderr
