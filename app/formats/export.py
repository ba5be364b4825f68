"""Runs an export: choose, write beside, move into place. One bad picture is listed and does not stop the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from app.formats.base import Category, Format, Item, Setting, Shape, Writer
from app.formats.names import stems
from app.formats.options import ExportOptions, format_values
from app.formats.registry import format_of
from app.formats.select import Selection, digest, select
from app.formats.source import Source, SourceImage
from app.formats.staging import Staging, check_target
from app.formats.summary import ExportSummary, Notes, Severity, counted
from inference.errors import AppError, FormatError, ImageError, OutOfMemory, UsageError
from inference.paths import typed
from inference.pictures import read_size

log = logging.getLogger(__name__)

ProgressCall = Callable[[int, int, str], None]
"""(done, total, message); raises `Cancelled` to stop, and then nothing is left behind."""


def export(
    source: Source, format_id: str, out: Path, options: ExportOptions, progress: ProgressCall | None = None
) -> ExportSummary:
    """Writes a data set.

    Args:
        source: what to export.
        format_id: one of `registry.FORMATS`.
        out: the folder to write; made when it is not there.

    Raises:
        UsageError: an option, the output folder or the selection makes no sense; nothing was written.
        StorageError: the disk is full or may not be written; nothing is left behind.
        Cancelled: from `progress`; nothing is left behind.
    """
    form, report = format_of(format_id), progress or _silent
    out = typed(out).absolute()
    values = format_values(form.options, options.values)
    if options.split and not form.split:
        raise UsageError(f"{form.title} has no train and val parts.", remedy="Leave the split out.")
    if options.pictures not in (None, "none") and not form.pictures:
        raise UsageError(f"{form.title} has no place for the pictures.", remedy="Leave the pictures out.")
    options = replace(options, pictures=options.pictures or form.pictures or "none")
    in_place = _in_place(form, source, out, options)
    check_target(out, overwrite=options.overwrite or in_place)
    if not in_place:
        _refuse_among_pictures(source, out)
    selection = select(digest(source, report), source.classes(), options)
    _check_selection(form, selection)
    notes = Notes()
    staging = Staging(out, _originals(source))
    try:
        setting = Setting(
            source.name, selection.categories, list(selection.splits), values, options, staging, notes, out
        )
        images, instances, splits = _write(form.writer(setting), source, form, selection, setting, report)
        size, files = staging.size(), len(staging.files)
        report(len(selection.images), len(selection.images), "Moving into place")
        if not images:
            raise _nothing_written(notes, out)
        about = {"format": form.id, "seed": options.seed, "split": list(options.split)}
        staging.commit(None if in_place else about, replace=options.overwrite)
    finally:
        staging.discard()
    return ExportSummary(form.id, str(out), images, instances, files, size, splits, tuple(notes.items))


def _write(
    writer: Writer, source: Source, form: Format, selection: Selection, setting: Setting, report: ProgressCall
) -> tuple[int, int, dict[str, int]]:
    """Pictures and instances written, and pictures in each split."""
    names = stems(selection.images, flat=form.flat)
    numbers = {image_id: i for i, image_id in enumerate(selection.images, 1)}
    by_class = {c.class_id: c for c in selection.categories}
    images, instances = 0, 0
    splits = dict.fromkeys(selection.splits, 0)
    total = len(selection.images)
    for done, image in enumerate(_chosen(source, selection)):
        report(done, total, image.image_id)
        split = selection.split_of.get(image.image_id, "")
        try:
            item = _item(image, names[image.image_id], numbers[image.image_id], split, by_class, setting.notes)
            with setting.staging.together():
                written = writer.add(item)
        except (ImageError, FormatError, OutOfMemory) as error:
            log.warning("export: %s: %s", image.image_id, error)
            setting.notes.failed(image.image_id, _reason(error))
            continue
        if not written:
            continue
        images += 1
        instances += len(item.shapes)
        if split:
            splits[split] += 1
    writer.finish()
    return images, instances, splits


def _chosen(source: Source, selection: Selection) -> Iterator[SourceImage]:
    """The chosen pictures: annotated ones as they stream from the source, then those nobody has annotated."""
    left = set(selection.images)
    for image in source.images():
        if image.image_id in left:
            left.discard(image.image_id)
            yield image
    for image_id in sorted(left):
        yield SourceImage(image_id, (source.folder or Path()) / image_id, 0, 0)


def _item(
    image: SourceImage, name: str, number: int, split: str, by_class: dict[int | None, Category], notes: Notes
) -> Item:
    """The picture as writers see it; ImageError when it is gone or no longer the one that was annotated."""
    width, height = read_size(image.path)
    if image.instances and (image.width, image.height) != (width, height):
        raise ImageError(
            f"The picture is {width} × {height} pixels now but was annotated at {image.width} × {image.height}.",
            image.path,
            "Put the annotated picture back, or annotate this one.",
        )
    chosen = [i for i in image.instances if i.class_id in by_class]
    misfits = [i for i in chosen if (i.mask.width, i.mask.height) != (width, height)]
    if misfits:
        raise FormatError(f"{counted(len(misfits), 'mask')} of another size than the picture.", image.path)
    full = [i for i in chosen if i.mask.area]
    if len(full) < len(chosen):
        notes.loss(image.image_id, f"{counted(len(chosen) - len(full), 'empty mask')} left out.")
    shapes = tuple(Shape(i, by_class[i.class_id]) for i in full)
    return Item(image.image_id, image.path, name, number, split, width, height, shapes, str(image.state), image.note)


def _in_place(form: Format, source: Source, out: Path, options: ExportOptions) -> bool:
    """Whether the files go beside the originals; UsageError where that is not meant."""
    folder = source.folder
    if folder is None or out.resolve() != folder.resolve():
        return False
    if form.beside and options.pictures == "none" and not options.split:
        return True
    raise UsageError(
        "The output is the folder of the pictures themselves.", out, "Choose a new folder, for example one inside it."
    )


def _refuse_among_pictures(source: Source, out: Path) -> None:
    """A folder that becomes an export is left out of the project, and so would be the pictures in it."""
    folder = source.folder
    if folder is None or not out.is_dir() or not out.resolve().is_relative_to(folder.resolve()):
        return
    prefix = out.resolve().relative_to(folder.resolve()).as_posix() + "/"
    if any(image_id.startswith(prefix) for image_id in source.files()):
        raise UsageError("There are pictures of the project in the output folder.", out, "Choose another folder.")


def _check_selection(form: Format, selection: Selection) -> None:
    if not selection.images:
        raise UsageError(
            "There is nothing to export: no picture fits the choice.",
            remedy="Annotate pictures first, or choose all pictures, or other classes.",
        )
    if form.most_classes and len(selection.categories) > form.most_classes:
        raise UsageError(
            f"{form.title} holds at most {form.most_classes} classes, not {len(selection.categories)}.",
            remedy="Choose fewer classes or another format.",
        )


def _originals(source: Source) -> Iterator[Path]:
    """What the export must never replace: every picture of the source, chosen or not."""
    folder = source.folder
    if folder is not None:
        yield from ((folder / image_id).resolve() for image_id in source.files())
    else:
        yield from (image.path.resolve() for image in source.images())


def _nothing_written(notes: Notes, out: Path) -> AppError:
    first = next((n for n in notes.items if n.severity is Severity.FAILED), None)
    why = f" The first: {first.image_id}: {first.message}" if first else ""
    return ImageError(f"None of the pictures could be exported.{why}", out, "Look whether the pictures are in place.")


def _reason(error: AppError) -> str:
    return error.message if not error.remedy else f"{error.message} {error.remedy}"


def _silent(_done: int, _total: int, _message: str) -> None:
    return None
