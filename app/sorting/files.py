"""Moving one file so that nothing is ever overwritten and nothing is lost, on one disk and from one to another.

`rename_no_replace` is one step for the kernel where it can be (Linux renameat2, macOS renamex_np, Windows). Elsewhere
the name is reserved by a hard link, which fails when it is taken; a crash then leaves the file under both names.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from inference.errors import AppError, StorageError

_CHUNK = 1 << 20
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EINVAL)
_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCL = -100, 1, 4


def identity(path: Path) -> str | None:
    """The device and number of a file itself (not of what a link leads to), None when there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return f"{status.st_dev}:{status.st_ino}"


def rename_no_replace(source: Path, target: Path) -> None:
    """Gives a file or folder another name. Raises FileExistsError for a name that is taken, even in a race; OSError
    with EXDEV when the other name is on another disk."""
    rename = _kernel_rename()
    if rename is not None:
        number = rename(os.fsencode(source), os.fsencode(target))
        if not number:
            return
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if sys.platform == "win32":
        source.rename(target)  # fails on a taken name by itself
        return
    if source.is_dir():
        _rename_folder(source, target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_reserved(source, target)
        return
    source.unlink()


def _rename_reserved(source: Path, target: Path) -> None:
    """Where there are no hard links: an empty file holds the name until the rename, which replaces it."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    try:
        source.replace(target)
    except BaseException:
        target.unlink()  # still the empty one
        raise


def _rename_folder(source: Path, target: Path) -> None:
    """As `_rename_reserved`; POSIX renames a folder over an empty one only."""
    target.mkdir()
    try:
        source.rename(target)
    except BaseException:
        target.rmdir()
        raise


@functools.cache
def _kernel_rename() -> Callable[[bytes, bytes], int] | None:
    """The system's rename that never replaces: takes two paths, returns 0 or the error's number."""
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        renameat2 = library.renameat2
        renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]

        def linux(source: bytes, target: bytes) -> int:
            done = renameat2(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE)
            return ctypes.get_errno() if done else 0

        return linux
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        renamex = library.renamex_np
        renamex.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]

        def mac(source: bytes, target: bytes) -> int:
            return ctypes.get_errno() if renamex(source, target, _RENAME_EXCL) else 0

        return mac
    return None


def write_copy(source: Path, part: Path) -> str:
    """Copies a file with its times under a name of our own, down to the disk, and compares it byte by byte.

    Returns: the copy's `identity`. Raises OSError; no half copy stays then.
    """
    try:
        shutil.copy2(source, part)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        if not same_bytes(source, part):
            raise OSError(errno.EIO, "the copy differs from the file; it may be changing", str(source))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    done = identity(part)
    assert done is not None
    return done


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files have the same content, read to the end."""
    with one.open("rb") as first, other.open("rb") as second:
        if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
            return False
        while True:
            a, b = first.read(_CHUNK), second.read(_CHUNK)
            if a != b:
                return False
            if not a:
                return True


def sync_folders(folders: Iterable[Path]) -> None:
    """Makes names in these folders last through a power cut, where a system can be asked to."""
    if sys.platform == "win32":
        return
    for folder in folders:
        with contextlib.suppress(OSError):  # some network shares refuse; the rename itself is done
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def as_app_error(error: OSError, path: Path, target: Path | None = None) -> AppError:
    """What kept a file from being moved, in words for the person."""
    number = error.errno
    if isinstance(error, FileNotFoundError) and not os.path.lexists(path):
        return StorageError("The file is no longer there.", path, "Look whether another program moved it.")
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError("There is no space left; the file stays where it was.", path, "Free some and try again.")
    if number == errno.EROFS:
        return StorageError("The disk is read-only; the file stays where it was.", path, "Copy instead of moving.")
    if number in (errno.EACCES, errno.EPERM):
        where = target.parent if target is not None else path.parent
        return StorageError(
            "The file may not be moved; it stays where it was.", path, f"Look at the permissions of {where}."
        )
    if number == errno.ENAMETOOLONG:
        return StorageError("The path would be too long for the disk.", path, "Choose a shorter class name.")
    if number == errno.EXDEV:
        return StorageError("Hard links cannot lead to another disk.", path, "Choose “copy” or “move” instead.")
    return StorageError(
        f"The file could not be moved ({error.strerror or error}); it stays where it was.",
        path,
        "Look after the disk and try again.",
    )
