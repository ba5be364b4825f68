"""One window for each folder: a second start on the same one hands its paths to the window that has it, and ends.

File managers start the program for every double click, Windows' Explorer for every picture that is opened with it. Two
windows can still be on one folder (two machines on a share, or one of them opened it by hand): then one looks on
(`app.project.onlooker`). Imported after the first paint, for QtNetwork takes a while to load.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.project.locate import locate
from inference.errors import AppError
from inference.paths import cache_dir, data_dir

log = logging.getLogger(__name__)

_CONNECT_MS = 500
_ANSWER_MS = 5000
_LARGEST = 1_000_000  # bytes of a message; thousands of paths
_LONGEST = 100  # bytes of a socket's path, which systems limit to 104 or 108
_TAKEN = b"taken\n"


def hand_over(paths: Sequence[str | Path]) -> bool:
    """Asks the window that has the paths' folder to show them; False when there is none, or none that answers."""
    try:
        folder, _ = locate(paths)
    except AppError:
        return False  # the window will say why they cannot be opened
    name = _name(folder)
    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(_CONNECT_MS):
        return False
    socket.write(json.dumps([os.path.abspath(p) for p in paths]).encode() + b"\n")  # noqa: PTH100  keeps links
    socket.waitForBytesWritten(_ANSWER_MS)
    while socket.bytesAvailable() < len(_TAKEN):
        if not socket.waitForReadyRead(_ANSWER_MS):
            log.warning("the window that has %s does not answer", folder)
            return False
    return bytes(socket.readAll().data()) == _TAKEN


class Door(QObject):
    """Where a window is asked to show something more of the folder it has. Only this person's programs may ask.

    Signals:
        asked(list): paths, to be opened as if they had been given at the start.
    """

    asked = Signal(list)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._welcome)

    def open(self, folder: Path) -> None:
        """Listens for a folder, and for no other any more. This window has to hold the folder's lock."""
        self.close()
        name = _name(folder)
        if sys.platform != "win32" and len(os.fsencode(name)) > _LONGEST:
            log.info("no other start can hand over to this window: %s is too long for a socket", name)
            return
        try:
            cache_dir().mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.info("no other start can hand over to this window: %s", error)
            return
        QLocalServer.removeServer(name)  # of a window that was killed
        if not self._server.listen(name):
            log.info("no other start can hand over to this window: %s", self._server.errorString())

    def close(self) -> None:
        """Listens no more. Twice is harmless."""
        self._server.close()

    def _welcome(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(self._read)
            if socket.bytesAvailable():
                self._hear(socket)

    def _read(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._hear(socket)

    def _hear(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() > _LARGEST:
                socket.abort()
            return
        paths = _paths(bytes(socket.readLine().data()))
        if paths:
            socket.write(_TAKEN)
            socket.flush()
            self.asked.emit(paths)
        socket.disconnectFromServer()


def _paths(line: bytes) -> list[str]:
    """The paths of a message; none when it is not one of ours."""
    try:
        told = json.loads(line)
    except ValueError:
        return []
    return told if isinstance(told, list) and all(isinstance(path, str) for path in told) else []


def _name(folder: Path) -> str:
    """Of the socket: one for each folder and each person's data."""
    whole = os.path.normcase(os.path.realpath(folder))
    key = hashlib.sha256(os.fsencode(f"{data_dir()}\0{whole}")).hexdigest()[:24]
    return f"winnow-{key}" if sys.platform == "win32" else str(cache_dir() / f"window-{key}")
