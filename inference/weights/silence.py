"""Reading from a server that may fall silent: whoever waits can be called back."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from inference.errors import Cancelled

ASK_S = 0.5


@contextlib.contextmanager
def interruptible(response: Any, ask: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Calls `ask` twice a second, in a thread, while the block reads an httpx response; yields it for the block's use,
    never called by both at once.

    When it raises `Cancelled`, the connection is shut down, which ends a read that waits, and the block ends with
    `Cancelled`.
    """
    connection = response.extensions["network_stream"].get_extra_info("socket")
    over, stopped, turn = threading.Event(), threading.Event(), threading.Lock()

    def ask_in_turn() -> None:
        with turn:
            ask()

    def watch() -> None:
        while not over.wait(ASK_S):
            try:
                ask_in_turn()
            except Cancelled:
                stopped.set()
                with contextlib.suppress(OSError):  # it ended by itself just now
                    connection.shutdown(socket.SHUT_RDWR)
                return

    thread = threading.Thread(target=watch, name="winnow-silence", daemon=True)
    thread.start()
    try:
        yield ask_in_turn
    except Exception as error:
        if stopped.is_set():
            raise Cancelled from error
        raise
    finally:
        over.set()
        thread.join()
