"""Turns whatever a job raised into the one `AppError` that is announced, and frees what the failure still holds."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from inference import garbage
from inference.errors import AppError, BugError, OutOfMemory

log = logging.getLogger(__name__)

_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def as_app_error(failure: BaseException, request: Any, models: Any = None) -> AppError:
    """The failure as people are told it.

    Memory that ran out is an `OutOfMemory`, and `models.release()` is called to make room; anything else that is no
    `AppError` is a bug: it is logged and keeps its traceback in `details`.
    """
    name = type(request).__name__
    if isinstance(failure, AppError):
        _free_frames(failure)
        return failure
    details = "".join(traceback.format_exception(failure))
    if ran_out_of_memory(failure):
        log.warning("%s ran out of memory\n%s", name, details)
        _free_frames(failure)
        if models is not None:
            models.release()
        garbage.collect()
        remedy = "Close other programs, or choose a smaller model or a smaller picture."
        return OutOfMemory("There is not enough memory for this.", remedy=remedy, details=details)
    log.error("%s failed unexpectedly\n%s", name, details)
    _free_frames(failure)
    message = f"{name} failed unexpectedly: {type(failure).__name__}: {failure}"
    return BugError(
        message, remedy="This is a fault of the program; please report it with the details.", details=details
    )


def ran_out_of_memory(failure: BaseException) -> bool:
    """Whether Python, torch (by its words: torch may not be imported here) or the system could not give memory."""
    if isinstance(failure, MemoryError) or type(failure).__name__ == "OutOfMemoryError":
        return True
    return isinstance(failure, (RuntimeError, OSError)) and any(w in str(failure).lower() for w in _MEMORY_WORDS)


def _free_frames(failure: BaseException) -> None:
    """Drops the local variables of the frames the exception came through: they may hold gigabytes of tensors."""
    seen: BaseException | None = failure
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__
