"""The tree of failures a person can cause or meet: what happened, which file, what to do.

Anything that is not an `AppError` is a bug and is shown as one. The classes are picklable, because
failures cross thread and process borders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inference.paths import as_typed


class AppError(Exception):
    """An expected failure.

    Args:
        message: what happened, one sentence, without the path.
        path: the file or folder it is about, if any.
        remedy: what the person can do, one sentence; commands are written `main.py …`, and told as they are typed here.
        details: what only a bug report wants (a traceback, the last lines a child process wrote); not part of `str`.
    """

    def __init__(
        self, message: str, path: str | Path | None = None, remedy: str | None = None, details: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = None if path is None else str(path)
        self.remedy = None if remedy is None else as_typed(remedy)
        self.details = details

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        what_to_do = f" {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{what_to_do}"

    def __reduce__(self) -> tuple[type[AppError], tuple[str, str | None, str | None], dict[str, Any]]:
        return type(self), (self.message, self.path, self.remedy), dict(self.__dict__)


class UsageError(AppError):
    """The command line or a request asks for something that makes no sense (exit status 2)."""


class ImageError(AppError):
    """A picture cannot be read: missing, truncated, too large, unsupported."""


class ModelError(AppError):
    """A model cannot be found, verified, loaded or run."""


class DownloadError(ModelError):
    """Weights could not be fetched; nothing half-finished was installed."""


class UnknownModelError(UsageError, ModelError):
    """No model has this name (exit status 2)."""


class OutOfMemory(AppError):  # noqa: N818 - the field's word
    """The device ran out of memory even after the retries."""


class StorageError(AppError):
    """The project or a file cannot be written: read-only, full disk, locked, newer version."""


class FormatError(AppError):
    """An annotation file or a data set is not what it says it is."""


class ProcessError(AppError):
    """A child process of the program ended without an answer. `details` has the last lines it wrote."""


class BugError(AppError):
    """A job failed in a way nobody expected. `details` is the traceback; it is also in the log."""


class Cancelled(Exception):  # noqa: N818 - not an error
    """A job was asked to stop. Not a failure: never shown as an error."""
