"""The thread that finds a folder's pictures and follows what changes in it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.library.scan import Entry, Scan
from app.library.watch import Watch
from app.project.place import on_network

log = logging.getLogger(__name__)

FIRST_BATCH, BATCH = 256, 5000  # few at first, to be on the screen at once
QUIET_S, PATIENCE_S = 0.25, 1.0  # changes are looked at when they pause, at the latest after this time
POLL_S = 10.0  # where the system cannot watch, or does not see everything
GLANCE_S = 2.0  # how often it is asked whether the folder is there at all, which not every system tells


class Follower(QObject):
    """Scans a folder and then follows it, in a thread of its own. Signals arrive in the receiver's thread.

    Signals:
        found(list of Entry): pictures in order, batch by batch, while scanning; the next follows `take_next`.
        scanned(list of image ids, list of AppError): everything was found; the errors name unreadable subfolders.
        changed(Difference): pictures came or went afterwards.
        rewritten(list of image ids): the content of these files changed.
        lost(bool): the folder is not there any more (a disk was pulled out), or is there again.
    """

    found = Signal(object)
    scanned = Signal(object, object)
    changed = Signal(object)
    rewritten = Signal(object)
    lost = Signal(bool)

    def __init__(
        self,
        folder: Path,
        *,
        watch: bool = True,
        poll_s: float = POLL_S,
        there: Callable[[], bool] | None = None,
        parent: QObject | None = None,
    ):
        """`there`: whether the folder is where it was; asked in the thread."""
        super().__init__(parent)
        self._there = there or folder.is_dir
        self._folder, self._watch, self._poll_s = folder, watch, poll_s
        self._notices: queue.SimpleQueue[tuple[str, str | None] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._taken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"library {folder}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take_next(self) -> None:
        """The receiver of `found` is ready for more."""
        self._taken.set()

    def look(self) -> None:
        """Asks for a look at the whole tree now."""
        self._notices.put(("*", None))

    def close(self) -> None:
        """Ends the thread. Twice is harmless."""
        self._stop.set()
        self._taken.set()
        self._notices.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        scan = Scan(self._folder)
        watch = self._begin_watch() if self._watch else None  # before the scan, or changes in between are missed
        shared = on_network(self._folder)  # there the system tells of this machine's changes only
        try:
            self._scan(scan)
            while not self._stop.is_set():
                if self._watch and not self._there():
                    watch = self._await_return(watch)
                self._follow(scan, polling=self._watch and (watch is None or shared))
        finally:
            if watch is not None:
                watch.close()

    def _begin_watch(self) -> Watch | None:
        try:
            return Watch(self._folder, lambda folder, image_id: self._notices.put((folder, image_id)))
        except OSError as error:
            log.info("%s cannot be watched (%s); it is looked through every %g s", self._folder, error, self._poll_s)
            return None

    def _await_return(self, watch: Watch | None) -> Watch | None:
        """Waits until the folder is there again, which takes another watch and a look at everything."""
        self.lost.emit(True)
        if watch is not None:
            watch.close()
        while not self._there():
            if self._stop.wait(GLANCE_S):
                return None
        self.lost.emit(False)
        watch = self._begin_watch()
        self.look()
        return watch

    def _scan(self, scan: Scan) -> None:
        size = FIRST_BATCH
        for entries in scan.walk():
            for start in range(0, len(entries), BATCH):
                if self._stop.is_set():
                    return
                chunk = entries[start : start + BATCH]
                for part in (chunk[:size], chunk[size:]):
                    if part:
                        self._hand_over(part)
                size = BATCH
        self.scanned.emit(scan.image_ids(), list(scan.problems))

    def _hand_over(self, entries: list[Entry]) -> None:
        """One batch at a time: many at once would keep the window from painting between them."""
        self._taken.clear()
        self.found.emit(entries)
        while not self._taken.wait(0.5) and not self._stop.is_set():
            log.debug("%s: waiting for the list", self._folder)

    def _follow(self, scan: Scan, *, polling: bool) -> None:
        folders, rewritten = self._collect(polling)
        if self._stop.is_set() or (self._watch and not self._there()):
            return
        if "*" in folders:
            folders = scan.stale()
        difference = scan.again(folders) if folders else None
        if difference is not None and (difference.added or difference.removed or difference.problems):
            self.changed.emit(difference)
        new = {entry.image_id for entry in difference.added} if difference is not None else set()
        if rewritten - new:
            self.rewritten.emit(sorted(rewritten - new))

    def _collect(self, polling: bool) -> tuple[set[str], set[str]]:
        """Waits for changes until they pause: (folders to look at, pictures that were rewritten). Not for long."""
        folders: set[str] = set()
        rewritten: set[str] = set()
        timeout = self._poll_s if polling else GLANCE_S if self._watch else None
        deadline = None
        while True:
            try:
                notice = self._notices.get(timeout=timeout)
            except queue.Empty:
                return folders or ({"*"} if polling else set()), rewritten
            if notice is None:
                return folders, rewritten
            folders.add(notice[0])
            rewritten |= {notice[1]} if notice[1] is not None else set()
            now = time.monotonic()
            deadline = deadline or now + PATIENCE_S
            timeout = max(0.0, min(QUIET_S, deadline - now))
