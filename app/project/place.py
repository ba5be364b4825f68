"""Where a folder's project is kept, on what kind of disk, and who holds it."""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QLockFile, QStorageInfo, qInstallMessageHandler

from inference.errors import StorageError, UsageError
from inference.project_place import DATABASE, STORE, away, newest

PARKED = f"{STORE}/"
"""Begins the ids of pictures that sorting has taken out of the folder: their annotations wait there for an undo."""
# SQLite opens no path over 512 bytes; its log and backups need some more than the database itself.
_LONGEST = 460
# File systems of other machines, as Qt names them.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|afpfs|webdav|ncpfs|afs|ceph|9p|glusterfs|lustre|davfs|vboxsf|prl_fs"
    r"|fuse\.(sshfs|davfs2?|glusterfs|rclone|s3fs|gvfsd-fuse)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the project of a folder is.

    Attributes:
        store: the folder that holds the database, its lock and its backups.
        shared: it is on a network share.
        elsewhere: why it is in the person's data folder and not beside the pictures; None when it is beside them.
    """

    store: Path
    shared: bool
    elsewhere: str | None = None

    @property
    def database(self) -> Path:
        return self.store / DATABASE


def find(folder: Path) -> Place:
    """The place for a folder's project, created. UsageError without such a folder, StorageError if unreadable."""
    require_readable(folder)
    beside = folder / STORE
    obstacle = _obstacle(beside)
    if obstacle is None:
        return Place(beside, on_network(beside))
    store = away(folder)
    try:
        store.mkdir(parents=True, exist_ok=True)
        (store / "folder.txt").write_text(os.fsencode(folder).decode("utf-8", "replace") + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"The project cannot be kept in the folder ({obstacle}) nor in the data folder ({error.strerror}).",
            store,
            "Free some space or change the permissions of one of them.",
        ) from error
    return Place(store, on_network(store), obstacle)


def find_existing(folder: Path) -> Place:
    """As `find`, for reading only: creates nothing; the database may not exist."""
    require_readable(folder)
    store = newest(folder)
    return Place(store, on_network(folder), None if store == folder / STORE else "the folder cannot be written")


def require_readable(folder: Path) -> None:
    """Refuses what cannot be opened as a folder of pictures."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except FileNotFoundError:
        raise UsageError("The folder is not there.", folder, "Look whether it was moved or renamed.") from None
    except NotADirectoryError:
        raise UsageError("This is not a folder.", folder, "Choose a folder or a picture.") from None
    except PermissionError:
        raise StorageError("The folder may not be read.", folder, "Change its permissions or choose another.") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError("The path is too long for this system.", folder, "Move the folder up.") from None
        raise StorageError(f"The folder cannot be read ({error.strerror}).", folder, "Look after its disk.") from error


def on_network(folder: Path) -> bool:
    """Whether a folder is on a network share, where SQLite's write-ahead log is not safe."""
    if sys.platform == "win32" and str(folder.resolve()).startswith(("\\\\", "//")):
        return True
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    kind = bytes(QStorageInfo(str(folder)).fileSystemType().data()).decode("ascii", "replace").lower()
    return bool(_NETWORK.fullmatch(kind)) or (sys.platform == "win32" and _drive_is_remote(folder))


def lock(store: Path) -> tuple[QLockFile | None, str | None]:
    """Takes the project for this window.

    Returns:
        The lock to keep and None, or None and why another has it. Locks of crashed programs are taken over.
    """
    held = QLockFile(str(store / "lock"))
    held.setStaleLockTime(0)  # never by age: windows stay open for days. A holder that no longer runs is noticed anyway
    if held.tryLock(0):
        return held, None
    if held.error() != QLockFile.LockError.LockFailedError:
        return (
            None,
            "The project's lock file cannot be written; look at the permissions and the free space of the disk.",
        )
    return None, (
        f"Another window has this folder open ({_holder(held)}). Close that one to edit here; "
        f"if there is none any more, delete {store / 'lock'}."
    )


def unlock(held: QLockFile) -> None:
    """Gives a lock back. Qt complains where its file went away with the folder, which is no news."""
    if Path(held.fileName()).exists():
        held.unlock()
        return
    handler = qInstallMessageHandler(lambda *_: None)
    try:
        held.unlock()
    finally:
        qInstallMessageHandler(handler)


def _holder(held: QLockFile) -> str:
    info = [part for part in (held.getLockInfo() or ()) if not isinstance(part, bool)]
    if len(info) < 2:
        return "of an unknown program"
    return f"process {info[0]} on {info[1]}"


def _obstacle(beside: Path) -> str | None:
    """Why a project cannot be kept there, or None. Tried out: permissions do not tell (network, root, read-only)."""
    if len(os.fsencode(beside / DATABASE)) > _LONGEST:
        return "its path is too long for a database"
    database = beside / DATABASE
    try:
        beside.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=beside):
            pass
        if database.exists() and not os.access(database, os.W_OK):
            return "its database may not be written"
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            if database.exists():
                return None
            raise StorageError("The disk is full.", beside, "Free some space, then open the folder again.") from error
        return f"it cannot be written: {error.strerror}"
    return None


def _drive_is_remote(folder: Path) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    return bool(ctypes.windll.kernel32.GetDriveTypeW(folder.resolve().anchor) == 4)  # DRIVE_REMOTE
