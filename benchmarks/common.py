"""What all measurements share: the line they print, and timing two ways of the same thing fairly."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any


def report(
    name: str, value: float, unit: str, ratio: float | None = None, target: float | None = None, note: str = ""
) -> bool:
    """Prints `name: value unit, ratio R, target T: met|MISSED` and says whether the target was met.

    Args:
        value, unit: what was measured, of our way.
        ratio: our time through the other way's, when there is another way.
        target: what the ratio (the value, without a ratio) is to stay at or under; None prints no verdict.
    """
    measured = value if ratio is None else ratio
    met = target is None or measured <= target
    parts = [f"{name}: {value:.4g} {unit}"]
    if ratio is not None:
        parts.append(f"ratio {ratio:.3g}")
    if target is not None:
        parts.append(f"target {target:g}: {'met' if met else 'MISSED'}")
    print(", ".join(parts) + (f"  ({note})" if note else ""), flush=True)
    return met


def best_times(ways: Sequence[Callable[[], Any]], rounds: int = 5, warm_up: int = 1) -> list[float]:
    """The shortest time of each way in seconds, the ways taking turns, so that whatever else the machine does (and
    the frequency it runs at) falls on all of them alike."""
    for _ in range(warm_up):
        for way in ways:
            way()
    best = [float("inf")] * len(ways)
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for number, way in enumerate(ways):
                start = time.perf_counter()
                way()
                best[number] = min(best[number], time.perf_counter() - start)
    finally:
        gc.enable()
    return best
