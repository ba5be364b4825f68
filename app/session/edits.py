"""What is done to the selected instances of a document: each method is at most one undoable command. No widgets.

Methods return False, after telling why through `told`, when they make no sense now; what the document refuses is raised
as `AppError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QMimeData

from app import clipboard, editing
from app.document import Document
from app.instance import Instance, Rings, Source, new_id
from app.labels import ClassList
from app.selection import Selection
from inference.masks import Mask

_DUPLICATE_OFFSET = 0.01  # of the picture's shorter side


class SelectionEdits:
    """Works on what `selection` holds of `document`. `told` gets a short sentence when there is nothing to do."""

    def __init__(
        self,
        document: Document,
        selection: Selection,
        classes: ClassList | None = None,
        told: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._document, self._selection, self._classes, self._told = document, selection, classes, told

    @property
    def chosen(self) -> list[Instance]:
        """The selected instances, bottom to top."""
        return [i for i in self._document.instances if i.id in self._selection]

    def primary(self) -> Instance | None:
        """The one that was selected last."""
        ids = self._selection.ids
        return self._document.get(ids[-1]) if ids else None

    # On any number -----------------------------------------------------------------------------------------------

    def delete(self) -> bool:
        if not self._some():
            return False
        self._document.remove(self._selection.ids)
        return True

    def select_all(self) -> None:
        self._selection.set(i.id for i in self._document.instances if i.visible)

    def duplicate(self) -> list[str]:
        """Copies a little to the lower right, selected. Returns their ids."""
        if not self._some():
            return []
        step = max(1, round(min(self._document.width, self._document.height) * _DUPLICATE_OFFSET))
        return self.add([_shifted(i.copied(), step, step) for i in self.chosen], _tr("Duplicate"))

    def copied(self) -> QMimeData | None:
        """What goes to the clipboard."""
        return clipboard.to_mime(self.chosen, self._class_name) if self._some() else None

    def paste(self, mime: QMimeData) -> list[str]:
        """Adds what the clipboard holds, selected. Returns the ids; FormatError when it cannot be read."""
        document = self._document
        found = clipboard.from_mime(mime, document.width, document.height, self._class_id)
        inside = [i for i in found if i.mask.area]
        if not inside:
            self._told(_tr("What was copied lies outside this picture."))
            return []
        return self.add(inside, _tr("Paste"))

    def add(self, instances: Sequence[Instance], text: str) -> list[str]:
        """Puts new instances on top and selects them. Returns their ids."""
        self._document.add(instances, text)
        ids = [i.id for i in instances]
        self._selection.set(ids)
        return ids

    def move(self, dx: int, dy: int) -> bool:
        """Moves by whole pixels; what leaves the picture is cut."""
        if not self._some() or not (dx or dy):
            return False
        moved = [_shifted(i, dx, dy) for i in self.chosen]
        if not all(i.mask.area for i in moved):
            self._told(_tr("That would move an instance out of the picture."))
            return False
        self._document.replace(moved, _tr("Move"))
        return True

    def fill_holes(self) -> bool:
        if not self._some():
            return False
        return self._replace_masks(self.chosen, editing.holes_filled, _tr("Fill holes"), _tr("There are no holes."))

    def assign_class(self, class_id: int | None) -> bool:
        if not self._some():
            return False
        self._document.set_class(self._selection.ids, class_id)
        return True

    def toggle_locked(self) -> None:
        if self._some():
            self._document.set_locked(self._selection.ids, not all(i.locked for i in self.chosen))

    def toggle_visible(self) -> None:
        if self._some():
            self._document.set_visible(self._selection.ids, not all(i.visible for i in self.chosen))

    def restack(self, *, up: bool) -> None:
        """Moves the selected ones one place up or down among the others."""
        if not self._some():
            return
        ids = [i.id for i in self._document.instances]
        order = range(len(ids) - 2, -1, -1) if up else range(1, len(ids))
        for at in order:
            other = at + 1 if up else at - 1
            if ids[at] in self._selection and ids[other] not in self._selection:
                ids[at], ids[other] = ids[other], ids[at]
        self._document.reorder(ids)

    # On several --------------------------------------------------------------------------------------------------

    def union(self) -> bool:
        """The selected ones become one, in the place of the topmost."""
        return self._combine(lambda masks: editing.union(masks), _tr("Unite"))

    def subtract(self) -> bool:
        """The upper ones are cut out of the lowest and go away."""
        return self._combine(lambda masks: editing.subtracted(masks[0], masks[1:]), _tr("Subtract"))

    def intersect(self) -> bool:
        """What all of them share."""
        return self._combine(lambda masks: editing.intersection(masks), _tr("Intersect"))

    # On one ------------------------------------------------------------------------------------------------------

    def split_parts(self) -> list[str]:
        """Every connected part becomes an instance of its own. Returns their ids."""
        new: list[Instance] = []
        gone: list[str] = []
        for instance in self.chosen if self._some() else ():
            pieces = editing.parts(instance.mask)
            if len(pieces) > 1:
                gone.append(instance.id)
                new += [replace(instance, id=new_id(), mask=piece, polygon=None, prompts=None) for piece in pieces]
        if not new:
            if self._selection.ids:
                self._told(_tr("There is only one part."))
            return []
        self._document.swap(gone, new, _tr("Split parts"))
        self._selection.set(i.id for i in new)
        return [i.id for i in new]

    def edit_as_polygon(self, tolerance: float = 1.0) -> bool:
        """Gives the selected ones vertices, at most `tolerance` pixels off their outline."""
        without = [i for i in self.chosen if i.polygon is None] if self._some() else []
        if not without:
            return False
        document = self._document
        changed = []
        for instance in without:
            rings = editing.to_polygon(instance.mask, tolerance)
            mask = editing.polygon_mask(rings, document.width, document.height)
            if mask.area:
                changed.append(replace(instance, mask=mask, polygon=rings))
        if not changed:
            self._told(_tr("The instance is too small for a polygon."))
            return False
        document.replace(changed, _tr("Edit as polygon"))
        return True

    def set_polygon(self, instance: Instance, rings: Rings) -> bool:
        """New vertices for an instance. A ring of less than three goes away; False when nothing would be left."""
        kept = tuple(ring for ring in rings if len(ring) >= 3)
        mask = editing.polygon_mask(kept, self._document.width, self._document.height)
        if not mask.area:
            self._told(_tr("A polygon needs three vertices and an area."))
            return False
        self._document.replace([replace(instance, mask=mask, polygon=kept)], _tr("Edit polygon"))
        return True

    def stroke(self, instance: Instance, points: Sequence[tuple[float, float]], diameter: float, erase: bool) -> bool:
        """One stroke of brush or eraser; an instance that is erased altogether is removed."""
        change = editing.erased if erase else editing.painted
        mask = change(instance.mask, points, diameter)
        if mask == instance.mask:
            return False
        if mask.area:
            self._document.replace([instance.with_mask(mask)], _tr("Erase") if erase else _tr("Paint"))
        else:
            self._document.remove([instance.id])
        return True

    def area(self, instance: Instance, area: Mask, *, add: bool) -> bool:
        """Adds an area (a lasso's) to an instance or takes it away; an instance without pixels is removed."""
        mask = instance.mask.union(area) if add else editing.subtracted(instance.mask, [area])
        if mask == instance.mask:
            return False
        if mask.area:
            self._document.replace([instance.with_mask(mask)], _tr("Add area") if add else _tr("Subtract area"))
        else:
            self._document.remove([instance.id])
        return True

    def draw(self, mask: Mask, source: Source, class_id: int | None, polygon: Rings | None = None) -> list[str]:
        """A new instance that a hand drew. Returns its id, or nothing for an empty mask."""
        if not mask.area:
            self._told(_tr("There is nothing inside."))
            return []
        instance = Instance(new_id(), mask, class_id, None, source, None, polygon)
        return self.add([instance], _tr("Draw"))

    # Inside ------------------------------------------------------------------------------------------------------

    def _some(self) -> bool:
        if not self._selection.ids:
            self._told(_tr("Select an instance first (V)."))
        return bool(self._selection.ids)

    def _combine(self, combine: Callable[[list[Mask]], Mask], text: str) -> bool:
        chosen = self.chosen
        if len(chosen) < 2:
            self._told(_tr("Select two or more instances first (Shift+click)."))
            return False
        mask = combine([i.mask for i in chosen])
        if not mask.area:
            self._told(_tr("Nothing would be left."))
            return False
        result = replace(chosen[0], id=new_id(), mask=mask, polygon=None, prompts=None, score=None)
        self._document.swap([i.id for i in chosen], [result], text)
        self._selection.set([result.id])
        return True

    def _replace_masks(
        self, instances: Iterable[Instance], change: Callable[[Mask], Mask], text: str, nothing: str
    ) -> bool:
        edited = [i.with_mask(change(i.mask)) for i in instances]
        changed = [e for e in edited if e.mask != self._document.get(e.id).mask]  # type: ignore[union-attr]
        if not changed:
            self._told(nothing)
            return False
        self._document.replace(changed, text)
        return True

    def _class_name(self, class_id: int | None) -> str | None:
        if self._classes is None or class_id is None:
            return None
        known = self._classes.get(class_id)
        return None if known is None else known.name

    def _class_id(self, name: str) -> int | None:
        return None if self._classes is None else self._classes.ensure(name).id


def _shifted(instance: Instance, dx: int, dy: int) -> Instance:
    polygon = editing.moved_rings(instance.polygon, dx, dy)
    return replace(instance, mask=editing.moved(instance.mask, dx, dy), polygon=polygon, prompts=None)


def _tr(text: str) -> str:
    return QCoreApplication.translate("SelectionEdits", text)
