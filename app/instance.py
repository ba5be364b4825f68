"""What a person makes on a picture: instances, the classes they carry, the state of the picture. No Qt."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from inference.masks import Mask
from inference.prompts import Prompts

Ring = tuple[tuple[float, float], ...]
Rings = tuple[Ring, ...]


class Source(StrEnum):
    """Where an instance came from."""

    CLICK = "click"
    BOX = "box"
    LASSO = "lasso"
    TEXT = "text"
    EVERYTHING = "everything"
    VIDEO = "video"
    BRUSH = "brush"
    POLYGON = "polygon"
    IMPORT = "import"


class ImageState(StrEnum):
    """How far a person is with a picture."""

    TODO = "todo"
    DONE = "done"
    FLAGGED = "flagged"


def new_id() -> str:
    """An id that no other instance of any project has."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Instance:
    """One object of one picture.

    Attributes:
        id: uuid in hex, unique in the project; a copy gets a new one (`copied`).
        mask: as large as the upright picture.
        class_id: the id of its `LabelClass`; None while unlabelled.
        score: the IoU the model predicted, 0..1; None when a person drew it.
        prompts: what it was made from; None when it was drawn or imported.
        polygon: rings as drawn, x before y in pixels, holes by the even-odd rule; None once the mask was
            edited otherwise.
        locked: geometry and removal are refused.
    """

    id: str
    mask: Mask
    class_id: int | None = None
    score: float | None = None
    source: Source = Source.CLICK
    prompts: Prompts | None = None
    polygon: Rings | None = None
    locked: bool = False
    visible: bool = True
    note: str = ""

    def with_mask(self, mask: Mask) -> Instance:
        """This instance with an edited mask; the polygon it was drawn as holds no longer."""
        return replace(self, mask=mask, polygon=None)

    def copied(self) -> Instance:
        """The same object under a new id, free to be changed."""
        return replace(self, id=new_id(), locked=False)


@dataclass(frozen=True, slots=True)
class LabelClass:
    """What instances can be called.

    Attributes:
        id: the project's number for it; never given to another class.
        color: "#rrggbb".
        hotkey: "1".."9" or None.
        supercategory: COCO's group of classes; "" for none.
        position: its place in the list, from 0.
    """

    id: int
    name: str
    color: str
    hotkey: str | None = None
    supercategory: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What the project keeps about a picture apart from its instances. Sizes: of the upright picture, 0 if unknown."""

    image_id: str
    width: int = 0
    height: int = 0
    state: ImageState = ImageState.TODO
    note: str = ""


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """One line about a picture for lists: how many instances it has, of which classes (None: unlabelled)."""

    image_id: str
    state: ImageState = ImageState.TODO
    count: int = 0
    classes: frozenset[int | None] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """A picture with everything the project holds about it, bottom instance first. Unpacks like a tuple."""

    image_id: str
    state: ImageState
    note: str
    width: int
    height: int
    instances: tuple[Instance, ...]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.image_id, self.state, self.note, self.width, self.height, self.instances))
