"""Collecting reference cycles where that is safe."""

from __future__ import annotations

import gc


def collect() -> None:
    """Collects cycles in this thread, unless Python's collector is switched off here.

    The window switches it off and collects in its own thread alone (`widgets/garbage.py`): a cycle may hold a QObject,
    and one that is destroyed in another thread crashes the program.
    """
    if gc.isenabled():
        gc.collect()
