"""Every action of the window in one table: what it is called, where it lives, and which keys call it.

Window, canvas, the F1 page and the shortcuts editor read this table. Texts are marked here for
Qt's lupdate and translated where they are shown (context "actions"). Keys are Qt's portable texts ("Ctrl+Shift+Z").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QKeySequence

from app.settings import Settings
from app.texts import QT_TRANSLATE_NOOP

Where = Literal["window", "annotate", "canvas", "sort", "grid", "pictures"]
"""Where the keys hold: everywhere, in the Annotate workspace outside text fields, while the canvas has the focus, in
the Sort workspace outside text fields, while its grid has the focus, or in both of these workspaces."""
_WORKSPACES = {"annotate": "annotate", "canvas": "annotate", "sort": "sort", "grid": "sort"}


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the table. `mouse` marks what only a mouse does: it is listed, not editable."""

    id: str
    group: str
    text: str
    keys: tuple[str, ...] = ()
    where: Where = "window"
    icon: str = ""
    checkable: bool = False
    mouse: bool = False


FILE = QT_TRANSLATE_NOOP("actions", "File")
EDIT = QT_TRANSLATE_NOOP("actions", "Edit")
PICTURES = QT_TRANSLATE_NOOP("actions", "Pictures")
TOOLS = QT_TRANSLATE_NOOP("actions", "Tools")
PROMPTS = QT_TRANSLATE_NOOP("actions", "Prompts")
INSTANCES = QT_TRANSLATE_NOOP("actions", "Instances")
VIEW = QT_TRANSLATE_NOOP("actions", "View")
CLASSES = QT_TRANSLATE_NOOP("actions", "Classes")
SORTING = QT_TRANSLATE_NOOP("actions", "Sort")
HELP = QT_TRANSLATE_NOOP("actions", "Help")
GROUPS: tuple[str, ...] = (TOOLS, PROMPTS, PICTURES, CLASSES, SORTING, INSTANCES, EDIT, VIEW, FILE, HELP)

# Written out, because lupdate reads literals only.
_ASSIGN: tuple[str, ...] = (
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 1"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 2"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 3"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 4"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 5"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 6"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 7"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 8"),
    QT_TRANSLATE_NOOP("actions", "Assign the class with hot-key 9"),
)

ACTIONS: tuple[Action, ...] = (
    Action("open_folder", FILE, QT_TRANSLATE_NOOP("actions", "Open folder…"), ("Ctrl+O",), icon="folder-open"),
    Action("open_picture", FILE, QT_TRANSLATE_NOOP("actions", "Open picture…"), ("Ctrl+Shift+O",), icon="image"),
    Action("open_samples", FILE, QT_TRANSLATE_NOOP("actions", "Open the sample photographs"), icon="sparkles"),
    Action("close_folder", FILE, QT_TRANSLATE_NOOP("actions", "Close folder"), ("Ctrl+W",), icon="home"),
    Action("show_in_folder", FILE, QT_TRANSLATE_NOOP("actions", "Show picture in its folder"), icon="folder"),
    Action("export", FILE, QT_TRANSLATE_NOOP("actions", "Export data set…"), ("Ctrl+E",), icon="export"),
    Action("cut_out", FILE, QT_TRANSLATE_NOOP("actions", "Cut out backgrounds…"), ("Ctrl+Alt+X",), icon="layers"),
    Action("settings", FILE, QT_TRANSLATE_NOOP("actions", "Settings…"), ("Ctrl+,",), icon="settings"),
    Action("quit", FILE, QT_TRANSLATE_NOOP("actions", "Quit"), ("Ctrl+Q",)),
    Action("undo", EDIT, QT_TRANSLATE_NOOP("actions", "Undo"), ("Ctrl+Z",), icon="undo"),
    Action("redo", EDIT, QT_TRANSLATE_NOOP("actions", "Redo"), ("Ctrl+Shift+Z", "Ctrl+Y"), icon="redo"),
    Action("undo_classes", EDIT, QT_TRANSLATE_NOOP("actions", "Undo change of classes"), ("Ctrl+Alt+Z",)),
    Action("redo_classes", EDIT, QT_TRANSLATE_NOOP("actions", "Redo change of classes"), ("Ctrl+Alt+Shift+Z",)),
    Action("cut", EDIT, QT_TRANSLATE_NOOP("actions", "Cut"), ("Ctrl+X",), "annotate", "cut"),
    Action("copy", EDIT, QT_TRANSLATE_NOOP("actions", "Copy"), ("Ctrl+C",), "annotate", "copy"),
    Action("paste", EDIT, QT_TRANSLATE_NOOP("actions", "Paste"), ("Ctrl+V",), "annotate", "paste"),
    Action("duplicate", EDIT, QT_TRANSLATE_NOOP("actions", "Duplicate"), ("Ctrl+D",), "annotate", "duplicate"),
    Action("select_all", EDIT, QT_TRANSLATE_NOOP("actions", "Select all"), ("Ctrl+A",), "annotate"),
    Action("previous", PICTURES, QT_TRANSLATE_NOOP("actions", "Previous picture"), ("A",), "annotate", "chevron-left"),
    Action("next", PICTURES, QT_TRANSLATE_NOOP("actions", "Next picture"), ("D",), "annotate", "chevron-right"),
    Action("first", PICTURES, QT_TRANSLATE_NOOP("actions", "First picture"), ("Ctrl+Home",), "annotate"),
    Action("last", PICTURES, QT_TRANSLATE_NOOP("actions", "Last picture"), ("Ctrl+End",), "annotate"),
    Action("next_todo", PICTURES, QT_TRANSLATE_NOOP("actions", "Next picture to do"), ("N",), "annotate", "skip"),
    Action("done_next", PICTURES,
           QT_TRANSLATE_NOOP("actions", "Done, and on to the next one"), ("Ctrl+Return",), "annotate", "check"),
    Action("flag", PICTURES, QT_TRANSLATE_NOOP("actions", "Flag picture"), ("X",), "annotate", "flag"),
    Action("find", PICTURES, QT_TRANSLATE_NOOP("actions", "Filter pictures by name"), ("Ctrl+F",), icon="search"),
    Action("tool_points", TOOLS,
           QT_TRANSLATE_NOOP("actions", "Points: left is +, right or Shift is −"), ("Q",), "annotate", "points", True),
    Action("tool_box", TOOLS,
           QT_TRANSLATE_NOOP("actions", "Box: drag, or two clicks"), ("W",), "annotate", "box", True),
    Action("tool_everything", TOOLS,
           QT_TRANSLATE_NOOP("actions", "Everything: all objects, for picking"), ("G",), "annotate", "grid", True),
    Action("tool_words", TOOLS,
           QT_TRANSLATE_NOOP("actions", "Words: all things that they name"), ("T",), "annotate", "words", True),
    Action("tool_lasso", TOOLS, QT_TRANSLATE_NOOP("actions", "Lasso"), ("L",), "annotate", "lasso", True),
    Action("tool_polygon", TOOLS, QT_TRANSLATE_NOOP("actions", "Polygon"), ("P",), "annotate", "polygon", True),
    Action("tool_brush", TOOLS, QT_TRANSLATE_NOOP("actions", "Brush"), ("B",), "annotate", "brush", True),
    Action("tool_eraser", TOOLS, QT_TRANSLATE_NOOP("actions", "Eraser"), ("E",), "annotate", "eraser", True),
    Action("tool_select", TOOLS, QT_TRANSLATE_NOOP("actions", "Select and edit"), ("V",), "annotate", "select", True),
    Action("smaller", TOOLS, QT_TRANSLATE_NOOP("actions", "Smaller brush"), ("[",), "annotate"),
    Action("larger", TOOLS, QT_TRANSLATE_NOOP("actions", "Larger brush"), ("]",), "annotate"),
    Action("accept", PROMPTS,
           QT_TRANSLATE_NOOP("actions", "Accept the suggested mask"), ("F", "Return", "Enter"), "canvas", "check"),
    Action("next_candidate", PROMPTS,
           QT_TRANSLATE_NOOP("actions", "Next candidate mask"), ("Tab",), "canvas", "layers"),
    Action("drop", PROMPTS, QT_TRANSLATE_NOOP("actions", "Drop the prompts"), ("Esc",), "canvas", "close"),
    Action("refine", PROMPTS,
           QT_TRANSLATE_NOOP("actions", "Refine the selected instance with clicks"), ("R",), "annotate", "target"),
    Action("class_aware", PROMPTS,
           QT_TRANSLATE_NOOP("actions", "Clicks know the class (a model taught one class)"), ("Y",), "annotate",
           "tag", True),
    Action("compare_models", PROMPTS,
           QT_TRANSLATE_NOOP("actions", "Compare two models on this picture…"), ("Ctrl+M",), "annotate", "panel"),
    Action("leave_canvas", PROMPTS, QT_TRANSLATE_NOOP("actions", "Move the focus between canvas and panels"), ("F6",)),
    Action("delete", INSTANCES, QT_TRANSLATE_NOOP("actions", "Delete instance"), ("Del",), "annotate", "trash"),
    Action("union", INSTANCES,
           QT_TRANSLATE_NOOP("actions", "Unite selected instances"), ("Ctrl+U",), "annotate", "union"),
    Action("subtract", INSTANCES,
           QT_TRANSLATE_NOOP("actions", "Subtract upper from lowest"), ("Ctrl+Shift+U",), "annotate", "subtract"),
    Action("intersect", INSTANCES,
           QT_TRANSLATE_NOOP("actions", "Intersect selected instances"), ("Ctrl+I",), "annotate", "intersect"),
    Action("fill_holes", INSTANCES, QT_TRANSLATE_NOOP("actions", "Fill holes"), ("Ctrl+H",), "annotate", "fill"),
    Action("split_parts", INSTANCES,
           QT_TRANSLATE_NOOP("actions", "Split into parts"), ("Ctrl+Shift+I",), "annotate", "split"),
    Action("clear_class", CLASSES, QT_TRANSLATE_NOOP("actions", "Remove the class"), ("0",), "annotate"),
    *(
        Action(f"class_{n}", CLASSES, text, (str(n),), "pictures")
        for n, text in enumerate(_ASSIGN, 1)
    ),
    Action("sort_accept", SORTING,
           QT_TRANSLATE_NOOP("actions", "Accept the suggestions of the selected"), ("Return", "Enter"), "grid",
           "check"),
    Action("sort_reject", SORTING,
           QT_TRANSLATE_NOOP("actions", "Reject the suggestions of the selected"), ("X", "Backspace"), "grid", "close"),
    Action("sort_accept_above", SORTING,
           QT_TRANSLATE_NOOP("actions", "Accept all that are sure enough"), ("Ctrl+Return",), "sort", "done"),
    Action("sort_useful", SORTING,
           QT_TRANSLATE_NOOP("actions", "Most useful first"), ("U",), "sort", "target", True),
    Action("sort_new_class", SORTING,
           QT_TRANSLATE_NOOP("actions", "New class…"), ("Ctrl+Shift+N",), "sort", "folder-plus"),
    Action("sort_remove", SORTING,
           QT_TRANSLATE_NOOP("actions", "Remove the selected pictures"), ("Del",), "grid", "trash"),
    Action("sort_alike", SORTING,
           QT_TRANSLATE_NOOP("actions", "Stacks of alike pictures"), ("K",), "sort", "layers"),
    Action("sort_prompts", SORTING,
           QT_TRANSLATE_NOOP("actions", "Prompts…"), ("P",), "sort", "pencil"),
    Action("sort_quick_look", SORTING,
           QT_TRANSLATE_NOOP("actions", "Closer look"), ("Space",), "grid", "eye"),
    Action("sort_annotate", SORTING,
           QT_TRANSLATE_NOOP("actions", "Annotate this picture"), ("E",), "sort", "points"),
    Action("hide_masks", VIEW,
           QT_TRANSLATE_NOOP("actions", "Hide all masks"), ("H",), "annotate", "eye-off", True),
    Action("fit", VIEW, QT_TRANSLATE_NOOP("actions", "Fit picture"), ("Ctrl+0",), "annotate", "fit"),
    Action("actual_size", VIEW, QT_TRANSLATE_NOOP("actions", "100 %"), ("Ctrl+1",), "annotate", "actual-size"),
    Action("zoom_in", VIEW, QT_TRANSLATE_NOOP("actions", "Zoom in"), ("+", "Ctrl++", "Ctrl+="), "annotate", "zoom-in"),
    Action("zoom_out", VIEW, QT_TRANSLATE_NOOP("actions", "Zoom out"), ("-", "Ctrl+-"), "annotate", "zoom-out"),
    Action("zoom_to_selection", VIEW,
           QT_TRANSLATE_NOOP("actions", "Zoom to selection"), ("Z",), "annotate", "zoom-selection"),
    Action("crosshair", VIEW, QT_TRANSLATE_NOOP("actions", "Cross-hair"), ("C",), "annotate", "crosshair", True),
    Action("color_by_instance", VIEW,
           QT_TRANSLATE_NOOP("actions", "Colour by instance"), ("I",), "annotate", "palette", True),
    Action("workspace_annotate", VIEW, QT_TRANSLATE_NOOP("actions", "Annotate workspace"), ("Ctrl+Alt+1",)),
    Action("workspace_sort", VIEW, QT_TRANSLATE_NOOP("actions", "Sort workspace"), ("Ctrl+Alt+2",)),
    Action("workspace_models", VIEW, QT_TRANSLATE_NOOP("actions", "Models workspace"), ("Ctrl+Alt+3",)),
    Action("full_screen", VIEW, QT_TRANSLATE_NOOP("actions", "Full screen"), ("F11",), checkable=True),
    Action("reset_layout", VIEW, QT_TRANSLATE_NOOP("actions", "Reset the panels")),
    Action("shortcuts", HELP, QT_TRANSLATE_NOOP("actions", "Keyboard shortcuts"), ("F1",), icon="keyboard"),
    Action("doctor", HELP, QT_TRANSLATE_NOOP("actions", "System report…"), icon="doctor"),
    Action("about", HELP, QT_TRANSLATE_NOOP("actions", "About Winnow"), icon="info"),
    Action("mouse_pan", VIEW,
           QT_TRANSLATE_NOOP("actions", "Pan"), (QT_TRANSLATE_NOOP("actions", "Space+drag"),
           QT_TRANSLATE_NOOP("actions", "Middle drag")), "canvas", mouse=True),
    Action("mouse_zoom", VIEW,
           QT_TRANSLATE_NOOP("actions", "Zoom at the pointer"), (QT_TRANSLATE_NOOP("actions", "Wheel"),
           QT_TRANSLATE_NOOP("actions", "Ctrl+wheel"), QT_TRANSLATE_NOOP("actions", "Pinch")), "canvas", mouse=True),
    Action("mouse_negative", PROMPTS,
           QT_TRANSLATE_NOOP("actions", "Point off the object"), (QT_TRANSLATE_NOOP("actions", "Right click"),
           QT_TRANSLATE_NOOP("actions", "Shift+click")), "canvas", mouse=True),
    Action("mouse_brush", TOOLS,
           QT_TRANSLATE_NOOP("actions", "Brush size"), (QT_TRANSLATE_NOOP("actions", "Alt+wheel"),),
           "canvas", mouse=True),
)  # fmt: skip

_TABLE: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def action(action_id: str) -> Action:
    """The row of an action."""
    return _TABLE[action_id]


class Shortcuts(QObject):
    """The keys of every action: the table's, or the person's own (kept in the settings).

    `changed` carries the action's id.
    """

    changed = Signal(str)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings

    def keys(self, action_id: str) -> tuple[str, ...]:
        """Its keys as portable texts, the first one is shown in menus."""
        own = self._own().get(action_id)
        return _TABLE[action_id].keys if own is None else tuple(own)

    def sequences(self, action_id: str) -> list[QKeySequence]:
        """Its keys for QAction.setShortcuts; empty for what only a mouse does."""
        return [] if _TABLE[action_id].mouse else [QKeySequence(key) for key in self.keys(action_id)]

    def hint(self, action_id: str) -> str:
        """Its first key as the person's system writes it, for tooltips; empty without one."""
        keys = self.keys(action_id)
        if not keys or _TABLE[action_id].mouse:
            return keys[0] if keys else ""
        return QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText)

    def set_keys(self, action_id: str, keys: Sequence[str]) -> None:
        """Gives an action other keys. ValueError for a text that is no key, or for keys that another action has."""
        clean = tuple(dict.fromkeys(_portable(key) for key in keys))
        taken = [other for key in clean for other in self.conflicts(action_id, key)]
        if taken:
            raise ValueError(f"{', '.join(clean)} belongs to {', '.join(taken)}")
        own = self._own()
        if clean == _TABLE[action_id].keys:
            own.pop(action_id, None)
        else:
            own[action_id] = list(clean)
        self._keep(own, action_id)

    def reset(self, action_id: str) -> None:
        """Back to the table's keys; other actions that took one of them lose it."""
        own = self._own()
        own.pop(action_id, None)
        self._settings.set("shortcuts", own)
        for key in _TABLE[action_id].keys:
            for other in self.conflicts(action_id, key):
                self.set_keys(other, [k for k in self.keys(other) if _portable(k) != _portable(key)])
        self.changed.emit(action_id)

    def reset_all(self) -> None:
        changed = list(self._own())
        self._settings.set("shortcuts", {})
        for action_id in changed:
            self.changed.emit(action_id)

    def conflicts(self, action_id: str, key: str) -> list[str]:
        """The other actions that have this key where this one holds."""
        wanted = _portable(key)
        return [
            other.id
            for other in ACTIONS
            if other.id != action_id
            and not other.mouse
            and _meet(other, _TABLE[action_id])
            and wanted in map(_portable, self.keys(other.id))
        ]

    def is_default(self, action_id: str) -> bool:
        return action_id not in self._own()

    def _own(self) -> dict[str, list[str]]:
        kept = self._settings.get("shortcuts")
        return {k: list(v) for k, v in kept.items() if k in _TABLE and isinstance(v, (list, tuple))}

    def _keep(self, own: dict[str, list[str]], action_id: str) -> None:
        self._settings.set("shortcuts", own)
        self.changed.emit(action_id)


def _meet(one: Action, other: Action) -> bool:
    """Whether there is a place where the keys of both hold."""
    places = {_WORKSPACES.get(one.where), _WORKSPACES.get(other.where)}
    return None in places or len(places) == 1


def _portable(key: str) -> str:
    text = QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
    if not text:
        raise ValueError(f"{key!r} is no key")
    return text
