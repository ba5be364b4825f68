"""Every setting in one declared table, and `Settings`, which keeps them in one JSON file.

The table feeds the settings dialog, the documentation and the defaults: a new setting is one more row.
Texts are marked here for Qt's lupdate and translated where they are shown (context "settings").
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from app.texts import QT_TRANSLATE_NOOP
from inference import paths
from inference.errors import StorageError

log = logging.getLogger(__name__)

Kind = Literal["bool", "int", "float", "choice", "state"]
"""How a setting is edited; "state" is what the window remembers by itself and no dialog shows."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        key: its name in the file, "group.name".
        default: the value it has until it is changed; its type is the type of the setting.
        kind: how it is edited.
        group: the page of the dialog.
        label, help: what the person reads; the help is one sentence.
        choices: (value, text) pairs of a choice.
        minimum, maximum, step, unit: of a number.
        restart: it takes effect when the program starts the next time.
    """

    key: str
    default: Any
    kind: Kind
    group: str = ""
    label: str = ""
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float = 0
    maximum: float = 0
    step: float = 1
    unit: str = ""
    restart: bool = False


APPEARANCE = QT_TRANSLATE_NOOP("settings", "Appearance")
CANVAS = QT_TRANSLATE_NOOP("settings", "Canvas")
MASKS = QT_TRANSLATE_NOOP("settings", "Masks")
LABELS = QT_TRANSLATE_NOOP("settings", "Labels")
WORDS = QT_TRANSLATE_NOOP("settings", "Words")
PERFORMANCE = QT_TRANSLATE_NOOP("settings", "Device and memory")
GROUPS: tuple[str, ...] = (APPEARANCE, CANVAS, MASKS, LABELS, WORDS, PERFORMANCE)

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "ui.theme", "system", "choice", APPEARANCE, QT_TRANSLATE_NOOP("settings", "Theme"),
        QT_TRANSLATE_NOOP("settings", "Light, dark, or whatever the system shows."),
        choices=(
            ("system", QT_TRANSLATE_NOOP("settings", "Like the system")),
            ("light", QT_TRANSLATE_NOOP("settings", "Light")),
            ("dark", QT_TRANSLATE_NOOP("settings", "Dark")),
        ),
    ),
    Setting(
        "ui.language", "system", "choice", APPEARANCE, QT_TRANSLATE_NOOP("settings", "Language"),
        QT_TRANSLATE_NOOP("settings", "Languages are files in resources/translations; English is always there."),
        choices=(("system", QT_TRANSLATE_NOOP("settings", "Like the system")), ("en",
        QT_TRANSLATE_NOOP("settings", "English"))),
        restart=True,
    ),
    Setting(
        "ui.offer_models", True, "bool", APPEARANCE, QT_TRANSLATE_NOOP("settings", "Offer better models"),
        QT_TRANSLATE_NOOP("settings", "Shows a card about SAM 2.1 while only the built-in model is installed."),
    ),
    Setting(
        "canvas.hover_preview", True, "bool", CANVAS, QT_TRANSLATE_NOOP("settings", "Preview under the pointer"),
        QT_TRANSLATE_NOOP("settings", "Shows what a click would give before it is made."),
    ),
    Setting(
        "canvas.opacity", 45, "int", CANVAS, QT_TRANSLATE_NOOP("settings", "Mask opacity"),
        QT_TRANSLATE_NOOP("settings", "How strongly masks cover the picture."),
        minimum=0, maximum=100, step=5, unit="%",
    ),
    Setting(
        "canvas.outline", True, "bool", CANVAS, QT_TRANSLATE_NOOP("settings", "Mask outlines"),
        QT_TRANSLATE_NOOP("settings", "Draws the border of every mask."),
    ),
    Setting(
        "canvas.color_by", "class", "choice", CANVAS, QT_TRANSLATE_NOOP("settings", "Colour masks by"),
        QT_TRANSLATE_NOOP("settings", "One colour for every class, or one for every instance."),
        choices=(("class", QT_TRANSLATE_NOOP("settings", "Class")), ("instance",
        QT_TRANSLATE_NOOP("settings", "Instance"))),
    ),
    Setting(
        "canvas.crosshair", False, "bool", CANVAS, QT_TRANSLATE_NOOP("settings", "Cross-hair"),
        QT_TRANSLATE_NOOP("settings", "Draws lines through the pointer across the whole picture."),
    ),
    Setting(
        "canvas.labels", False, "bool", CANVAS, QT_TRANSLATE_NOOP("settings", "Names at the masks"),
        QT_TRANSLATE_NOOP("settings", "Writes the class beside every mask."),
    ),
    Setting(
        "canvas.boxes", False, "bool", CANVAS, QT_TRANSLATE_NOOP("settings", "Boxes around the masks"),
        QT_TRANSLATE_NOOP("settings", "Draws the tight box of every mask."),
    ),
    Setting(
        "canvas.lasso_asks", False, "bool", CANVAS, QT_TRANSLATE_NOOP("settings", "Lasso asks the model"),
        QT_TRANSLATE_NOOP(
            "settings",
            "What is drawn round becomes a question to the model, not the mask itself; Alt does the other of the two.",
        ),
    ),
    Setting(
        "canvas.brush_size", 24, "int", CANVAS, QT_TRANSLATE_NOOP("settings", "Brush size"),
        QT_TRANSLATE_NOOP("settings", "Diameter of brush and eraser in pixels of the picture; [ and ] change it."),
        minimum=1, maximum=2000, unit="px",
    ),
    Setting(
        "masks.threshold", 0.0, "float", MASKS, QT_TRANSLATE_NOOP("settings", "Mask threshold"),
        QT_TRANSLATE_NOOP("settings", "Higher values give tighter masks, lower ones wider ones; 0 is the model's own."),
        minimum=-8, maximum=8, step=0.25,
    ),
    Setting(
        "masks.holes_share", 0.3, "float", MASKS, QT_TRANSLATE_NOOP("settings", "Fill holes up to"),
        QT_TRANSLATE_NOOP(
            "settings",
            "Holes up to this share of the picture, in thousandths, are filled; 0 keeps the exact mask.",
        ),
        minimum=0, maximum=50, step=0.1, unit="‰",
    ),
    Setting(
        "masks.specks_share", 0.3, "float", MASKS, QT_TRANSLATE_NOOP("settings", "Remove specks up to"),
        QT_TRANSLATE_NOOP(
            "settings",
            "Loose parts up to this share of the picture, in thousandths, are left out; 0 keeps the exact mask.",
        ),
        minimum=0, maximum=50, step=0.1, unit="‰",
    ),
    Setting(
        "labels.ask", True, "bool", LABELS, QT_TRANSLATE_NOOP("settings", "Ask for the class when none is chosen"),
        QT_TRANSLATE_NOOP("settings", "A small field opens at the new mask: type a name and press Enter."),
    ),
    Setting(
        "labels.always_ask", False, "bool", LABELS,
        QT_TRANSLATE_NOOP("settings", "Ask for the class of every new mask"),
        QT_TRANSLATE_NOOP("settings", "As labelme does; otherwise a new mask gets the current class."),
    ),
    Setting(
        "labels.done_when_leaving", False, "bool", LABELS,
        QT_TRANSLATE_NOOP("settings", "Mark a picture done when leaving it"),
        QT_TRANSLATE_NOOP("settings", "Only pictures that have instances are marked."),
    ),
    Setting(
        "words.text", 0.6, "float", WORDS, QT_TRANSLATE_NOOP("settings", "Weight of the fit to the words"),
        QT_TRANSLATE_NOOP("settings", "Masks that words found are judged by four parts; this is the first."),
        minimum=0, maximum=1, step=0.05,
    ),
    Setting(
        "words.compactness", 0.2, "float", WORDS, QT_TRANSLATE_NOOP("settings", "Weight of compactness"),
        QT_TRANSLATE_NOOP("settings", "Round masks are better than frayed ones."), minimum=0, maximum=1, step=0.05,
    ),
    Setting(
        "words.size", 0.1, "float", WORDS, QT_TRANSLATE_NOOP("settings", "Weight of a usual size"),
        QT_TRANSLATE_NOOP("settings", "Very small masks and those that fill the picture are worse."),
        minimum=0, maximum=1, step=0.05,
    ),
    Setting(
        "words.usual_size", 5.0, "float", WORDS, QT_TRANSLATE_NOOP("settings", "Smallest usual size"),
        QT_TRANSLATE_NOOP("settings", "Lower it when you look for small objects."),
        minimum=0.01, maximum=50, step=0.5, unit="%",
    ),
    Setting(
        "words.smoothness", 0.1, "float", WORDS, QT_TRANSLATE_NOOP("settings", "Weight of a smooth edge"),
        QT_TRANSLATE_NOOP("settings", "Masks with ragged edges are worse."), minimum=0, maximum=1, step=0.05,
    ),
    Setting(
        "compute.device", "auto", "choice", PERFORMANCE, QT_TRANSLATE_NOOP("settings", "Device"),
        QT_TRANSLATE_NOOP("settings", "Where models run."),
        choices=(
            ("auto", QT_TRANSLATE_NOOP("settings", "The best one")),
            ("cpu", QT_TRANSLATE_NOOP("settings", "Processor (CPU)")),
            ("cuda", QT_TRANSLATE_NOOP("settings", "NVIDIA graphics card (CUDA)")),
            ("mps", QT_TRANSLATE_NOOP("settings", "Apple graphics (MPS)")),
        ),
        restart=True,
    ),
    Setting(
        "compute.prefetch", True, "bool", PERFORMANCE,
        QT_TRANSLATE_NOOP("settings", "Prepare the neighbouring pictures"),
        QT_TRANSLATE_NOOP("settings", "When nothing else runs, so that the next picture answers at once."),
    ),
    Setting(
        "compute.memory_cache_mb", 1024, "int", PERFORMANCE,
        QT_TRANSLATE_NOOP("settings", "Prepared pictures in memory"),
        QT_TRANSLATE_NOOP("settings", "The limit of the memory that pictures prepared for clicking may take."),
        minimum=64, maximum=65536, step=64, unit="MB", restart=True,
    ),
    Setting(
        "compute.disk_cache", True, "bool", PERFORMANCE,
        QT_TRANSLATE_NOOP("settings", "Keep prepared pictures on disk"),
        QT_TRANSLATE_NOOP("settings", "Pictures seen before then answer at once, also after a restart."),
        restart=True,
    ),
    Setting(
        "compute.disk_cache_mb", 4096, "int", PERFORMANCE, QT_TRANSLATE_NOOP("settings", "Prepared pictures on disk"),
        QT_TRANSLATE_NOOP("settings", "The oldest ones are dropped over this limit."),
        minimum=64, maximum=1_048_576, step=256, unit="MB", restart=True,
    ),
    Setting(
        "library.thumbnail_cache_mb", 512, "int", PERFORMANCE, QT_TRANSLATE_NOOP("settings", "Thumbnails on disk"),
        QT_TRANSLATE_NOOP("settings", "The oldest ones are dropped over this limit."),
        minimum=16, maximum=65536, step=64, unit="MB", restart=True,
    ),
    Setting(
        "images.max_megapixels", 500, "int", PERFORMANCE, QT_TRANSLATE_NOOP("settings", "Largest picture"),
        QT_TRANSLATE_NOOP("settings", "Pictures with more pixels are refused, because they could fill the memory."),
        minimum=1, maximum=4000, step=50, unit="MP",
    ),
    # What the window remembers.
    Setting("model.current", "starter", "state"),
    Setting("window.geometry", "", "state"),
    Setting("window.docks", "", "state"),
    Setting("window.workspace", "annotate", "state"),
    Setting("browser.thumbnail_size", 104, "state"),
    Setting("browser.view", "grid", "state"),
    Setting("sort.model", "", "state"),
    Setting("sort.level", 90, "state"),
    Setting("sort.thumbnail_size", 150, "state"),
    Setting("sort.details", False, "state"),
    Setting("sort.groups", True, "state"),
    Setting("sort.hint", True, "state"),
    Setting("sort.layout", "", "state"),
    Setting("prompts.class_aware", (), "state"),  # the models whose clicks know the class
    Setting("prompts.class_offered", (), "state"),  # … that it was turned on for once by itself
    Setting("prompts.within_box", True, "state"),
    Setting("prompts.apart", True, "state"),
    Setting("teach.folders", (), "state"),
    Setting("recent.folders", (), "state"),
    Setting("recent.samples_folder", "", "state"),
    Setting("shortcuts", {}, "state"),
)  # fmt: skip

_TABLE: Mapping[str, Setting] = {setting.key: setting for setting in SETTINGS}


class Settings(QObject):
    """The values of the table, kept in `settings.json` of the program's config folder.

    A damaged or missing file means defaults; values of the wrong kind and unknown keys are left out.
    Every `set` is written at once (beside, then renamed), so nothing is lost when the program is killed.

    Args:
        file: where they are kept; None for the program's own config folder.
    """

    changed = Signal(str, object)

    def __init__(self, file: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file or paths.config_dir() / "settings.json"
        self._values = _read(self._file)

    @property
    def file(self) -> Path:
        return self._file

    def get(self, key: str) -> Any:
        """The value of a setting; KeyError for one that is not in the table."""
        return self._values.get(key, _TABLE[key].default)

    def set(self, key: str, value: Any) -> None:
        """Changes and writes a setting. ValueError for a value it cannot have, StorageError when it cannot be written
        (the value holds until the program ends)."""
        clean = _checked(_TABLE[key], value)
        if clean == self.get(key):
            return
        self._values[key] = clean
        self.changed.emit(key, clean)
        self._write()

    def reset(self, key: str) -> None:
        self.set(key, _TABLE[key].default)

    def _write(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self._file.parent, prefix=".settings", delete=False
            ) as beside:
                json.dump(self._values, beside, indent=2, sort_keys=True, ensure_ascii=False)
            os.replace(beside.name, self._file)  # noqa: PTH105 - pathlib's raises on Windows in the same cases
        except OSError as error:
            raise StorageError(
                f"The settings could not be saved ({error.strerror}).",
                self._file,
                "They hold until Winnow is closed. Check the folder's permissions and free space.",
            ) from error


def setting(key: str) -> Setting:
    """The row of a setting."""
    return _TABLE[key]


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read, defaults are used: %s", file, error)
        return {}
    values: dict[str, Any] = {}
    for key, value in found.items() if isinstance(found, dict) else ():
        row = _TABLE.get(key)
        try:
            if row is not None:
                values[key] = _checked(row, value)
        except ValueError as error:
            log.warning("%s: %s", file, error)
    return values


def _checked(row: Setting, value: Any) -> Any:
    """The value in the setting's type and range; ValueError when it has none."""
    problem = ValueError(f"{row.key} cannot be {value!r}")
    match row.kind:
        case "bool":
            if not isinstance(value, bool):
                raise problem
            return value
        case "int" | "float":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise problem
            number = min(max(value, row.minimum), row.maximum)
            return int(number) if row.kind == "int" else float(number)
        case "choice":
            known = {choice for choice, _ in row.choices}
            # More languages may be installed than the table knows.
            if not isinstance(value, str) or (value not in known and row.key != "ui.language"):
                raise problem
            return value
        case "state":
            if isinstance(row.default, tuple) and isinstance(value, (list, tuple)):
                return tuple(value)
            if type(value) is not type(row.default):
                raise problem
            return value
