"""A project that had to be kept away from its pictures, because their folder could not be written, and its way back.

Whichever of the two databases was changed last is the project. The other one is never deleted.
"""

from __future__ import annotations

import logging
import shutil
from datetime import datetime
from pathlib import Path

from app.project import backups, place
from app.project.failures import DamagedProjectError
from inference import project_place
from inference.errors import StorageError

log = logging.getLogger(__name__)


def take_away(folder: Path, where: place.Place) -> None:
    """A project that was begun beside the pictures, before the folder became unwritable, goes on from a copy.

    Raises StorageError.
    """
    origin = folder / project_place.STORE / project_place.DATABASE
    if where.elsewhere is None or where.database.exists() or not origin.exists():
        return
    try:
        for ending in ("-wal", ""):  # the database last: without it the rest is done again
            source = origin.with_name(origin.name + ending)
            if source.exists():
                shutil.copyfile(source, where.database.with_name(where.database.name + ending))
    except OSError as error:
        raise StorageError(
            f"The folder's project cannot be copied ({error.strerror}).",
            origin,
            "Change the permissions of the folder.",
        ) from error


def bring_back(folder: Path, where: place.Place) -> None:
    """What was made while the folder could not be written moves in beside the pictures.

    Nothing happens while another window still works on it there. Raises StorageError.
    """
    away = project_place.away(folder)
    if where.elsewhere is not None or not (away / project_place.DATABASE).exists():
        return
    held, _ = place.lock(away)
    if held is None:
        return
    try:
        if project_place.last_changed(away) > project_place.last_changed(where.store):
            backups.back_up(where.database)
            kept = backups.restore(where.database, away / project_place.DATABASE, aside="replaced")
            log.info("%s: the project came back from %s; the one that was here is %s", folder, away, kept)
    except DamagedProjectError as error:
        log.warning("%s stays where it is: %s", away, error)
        return
    finally:
        held.unlock()
    _retire(away)


def _retire(away: Path) -> None:
    """Out of the way, or it would be taken for the project once more."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    try:
        away.rename(away.with_name(f"{away.name}-until-{stamp}"))
    except OSError as error:
        raise StorageError(
            f"The project in the data folder cannot be put aside ({error.strerror}).", away, "Rename this folder."
        ) from error
