"""Every warning of other people's code that Winnow lives with, in one list with its reason. No torch.

Anything that is not listed here shows up in the log, and fails a test.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """A warning that is expected: the start of its text, its class, and why it is harmless."""

    text: str
    category: type[Warning]
    why: str


ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        "`torch.jit.script` is deprecated",
        FutureWarning,
        "sam2's SAM2Transforms scripts its resize; the plain predictor and the mask generator build one",
    ),
    Allowed(
        "`torch.jit.script` is deprecated",
        DeprecationWarning,
        "the same, as other versions of torch word it",
    ),
    Allowed(
        "`torch.jit.script` is not supported in Python 3.14+",
        FutureWarning,
        "the same, on newer Pythons",
    ),
    Allowed(
        "__array__ implementation doesn't accept a copy keyword",
        DeprecationWarning,
        "pycocotools' decode under NumPy 2; the copy it makes is what we want",
    ),
    Allowed(
        "Importing from timm.models.layers is deprecated",
        FutureWarning,
        "older trunks import timm by its former name",
    ),
    Allowed(
        "Callback with id",
        RuntimeWarning,
        "watchdog watches a folder twice that appears while it looks around; the second takes its place",
    ),
)


def allow(listed: Iterable[Allowed] = ALLOWED) -> None:
    """Silences the listed warnings, and only those, in this process."""
    for entry in listed:
        warnings.filterwarnings("ignore", message=re.escape(entry.text), category=entry.category)


def pytest_lines(listed: Iterable[Allowed] = ALLOWED) -> list[str]:
    """The list in the syntax of pytest's `filterwarnings`, for the test set-up."""
    return [f"ignore:{re.escape(entry.text)}:{entry.category.__name__}" for entry in listed]
