"""What a person can choose for an export: declared options, from which dialog and command line build themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from app.texts import QT_TRANSLATE_NOOP
from inference.errors import UsageError

Kind = Literal["bool", "choice", "int", "float", "text"]


@dataclass(frozen=True)
class Choice:
    """One value of a choice and how it is called."""

    value: str
    label: str


@dataclass(frozen=True)
class Option:
    """One option of a format.

    Attributes:
        key: its name on the command line (`--set key=value`).
        kind: what its value is.
        default: its value when nothing is chosen.
        label: its caption in the dialog.
        help: one sentence.
        choices: the values of a `choice`.
        low, high: the bounds of a number.
    """

    key: str
    kind: Kind
    default: Any
    label: str
    help: str
    choices: tuple[Choice, ...] = ()
    low: float = 0
    high: float = 0

    def parse(self, value: Any) -> Any:
        """A value of this option from text or from its own kind; UsageError when it is none."""
        try:
            parsed = _PARSERS[self.kind](value)
        except ValueError:
            raise self._wrong(value) from None
        if self.kind == "choice" and parsed not in [c.value for c in self.choices]:
            raise self._wrong(value)
        if self.kind in ("int", "float") and not self.low <= parsed <= self.high:
            raise self._wrong(value)
        return parsed

    def expects(self) -> str:
        """What may be given, in words."""
        if self.kind == "choice":
            return "one of " + ", ".join(c.value for c in self.choices)
        if self.kind in ("int", "float"):
            return f"a number from {self.low:g} to {self.high:g}"
        return "true or false" if self.kind == "bool" else "text"

    def shown_default(self) -> str:
        """The default as it is typed."""
        return str(self.default).lower() if self.kind == "bool" else str(self.default)

    def _wrong(self, value: Any) -> UsageError:
        return UsageError(f"The option {self.key} cannot be {str(value)!r}.", remedy=f"Give {self.expects()}.")


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in _WORDS:
        raise ValueError(word)
    return _WORDS[word]


_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_PARSERS: dict[Kind, Callable[[Any], Any]] = {"bool": _bool, "choice": str, "int": int, "float": float, "text": str}


# Options several formats share.
POLYGON_TOLERANCE = Option(
    "tolerance",
    "float",
    1.0,
    QT_TRANSLATE_NOOP("formats", "Polygon tolerance (px)"),
    QT_TRANSLATE_NOOP("formats", "How far a simplified outline may leave the exact one; 0 keeps every pixel."),
    low=0,
    high=20,
)
PALETTE_BY = Option(
    "colours",
    "choice",
    "voc",
    QT_TRANSLATE_NOOP("formats", "Palette"),
    QT_TRANSLATE_NOOP("formats", "The colours stored with the index map; the numbers stay the same."),
    choices=(
        Choice("voc", QT_TRANSLATE_NOOP("formats", "Pascal VOC palette")),
        Choice("classes", QT_TRANSLATE_NOOP("formats", "Colours of the classes")),
    ),
)

Which = Literal["annotated", "done", "all"]
Pictures = Literal["copy", "link", "none"]
WHICH = ("annotated", "done", "all")
PICTURES = ("copy", "link", "none")
SPLIT_NAMES = ("train", "val", "test")


@dataclass(frozen=True)
class ExportOptions:
    """What to export and how.

    Attributes:
        which: pictures with instances, pictures marked done, or every picture of the folder.
        include_empty: write pictures that are left without instances; None: only with `done` and `all`.
        classes: names of the classes to keep; None keeps all.
        unlabelled: keep instances without a class (under the class name "object").
        split: shares of train, val and test; empty writes no split.
        seed: chooses which picture goes where.
        pictures: copy them, hard-link them (copied where links are impossible), or leave them out;
            None is the format's own way.
        overwrite: write into a folder that is not empty.
        values: the format's own options.
    """

    which: Which = "annotated"
    include_empty: bool | None = None
    classes: tuple[str, ...] | None = None
    unlabelled: bool = True
    split: tuple[float, ...] = ()
    seed: int = 0
    pictures: Pictures | None = None
    overwrite: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.which not in WHICH:
            raise UsageError(f"Pictures cannot be chosen by {self.which!r}.", remedy=f"Use one of {', '.join(WHICH)}.")
        if self.pictures not in (None, *PICTURES):
            raise UsageError(f"Pictures cannot be {self.pictures!r}.", remedy=f"Use one of {', '.join(PICTURES)}.")
        _check_split(self.split)

    @property
    def keeps_empty(self) -> bool:
        return self.which != "annotated" if self.include_empty is None else self.include_empty


def parse_split(text: str) -> tuple[float, ...]:
    """Shares from `0.8,0.2`, `80,20` or `8/1/1`; UsageError on anything else."""
    pieces = [p for p in text.replace("/", ",").replace(":", ",").split(",") if p.strip()]
    try:
        shares = tuple(float(p) for p in pieces)
    except ValueError:
        raise _bad_split(text) from None
    total = sum(shares)
    if not shares or not 0 < total < float("inf"):
        raise _bad_split(text)
    # Whole numbers are parts (80,20 or 8/1/1); fractions have to make a whole, or they are a slip of the pen.
    scaled = tuple(s / total for s in shares) if all(s.is_integer() for s in shares) else shares
    _check_split(scaled)
    return scaled


def format_values(table: Sequence[Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a format with its value; UsageError for unknown keys and wrong values."""
    known = {option.key: option for option in table}
    for key in given:
        if key not in known:
            names = ", ".join(known) or "none"
            raise UsageError(f"This format has no option {key!r}.", remedy=f"Its options are: {names}.")
    return {key: option.parse(given.get(key, option.default)) for key, option in known.items()}


def _check_split(split: tuple[float, ...]) -> None:
    if split and (len(split) not in (2, 3) or any(not s >= 0 for s in split) or abs(sum(split) - 1) > 1e-6):
        raise _bad_split(",".join(f"{s:g}" for s in split))


def _bad_split(text: str) -> UsageError:
    return UsageError(
        f"The split {text!r} is not two or three shares that make a whole.",
        remedy="Give the shares of train, val and test, such as 0.8,0.2 or 0.7,0.2,0.1.",
    )
