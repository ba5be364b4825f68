"""What a built program has to mind that one from source has not."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from inference import paths

_OF_QT = ("QT_PLUGIN_PATH", "QML2_IMPORT_PATH")
_LIBRARIES = "LD_LIBRARY_PATH"


def keep_the_font_list(environment: MutableMapping[str, str] = os.environ) -> None:
    """Has matplotlib remember the fonts it found; PyInstaller's start has it look for them anew in every process."""
    if getattr(sys, "frozen", False):
        environment["MPLCONFIGDIR"] = str(paths.cache_dir() / "matplotlib")


def give_back_the_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Takes back where PyInstaller's start says that libraries and plug-ins are; does nothing from source.

    A file manager or browser that the window opens would load ours in place of its own, and fail. This process does not
    need them any more: the loader reads its path once, Qt its own when the application is made; a child sets them anew.
    """
    if not getattr(sys, "frozen", False):
        return
    for name in _OF_QT:
        environment.pop(name, None)
    if sys.platform.startswith("linux"):
        before = environment.pop(f"{_LIBRARIES}_ORIG", None)
        environment.pop(_LIBRARIES, None)
        if before:
            environment[_LIBRARIES] = before
