"""SAM 2's training layout, told by its folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from inference.data_sets.model import DataSet, Labelled, Sample, confined, read_json
from inference.errors import FormatError, ImageError
from inference.masks import Mask
from inference.pictures import read_size


def read_sam2(folder: Path, names: Path | None = None) -> DataSet:
    """Reads `JPEGImages/NAME/00000.jpg` with `Annotations/NAME/00000.png`; every number but 0 and 255 is an object.

    Args:
        names: a list of names, one a line; else every folder below `JPEGImages`.

    Class names come from the `classes.json` that Winnow writes, where it is there.
    """
    result = DataSet()
    labels = _object_labels(folder)
    for name in names_of(folder, names):
        try:
            result.samples.append(_sam2_sample(folder, name, labels.get(name, {})))
        except (FormatError, ImageError) as error:
            result.problems.append(error)
    found = {o.label for s in result.samples for o in s.objects if o.label}
    result.classes = sorted(found)
    return result


def _sam2_sample(folder: Path, name: str, labels: dict[str, str]) -> Sample:
    picture = confined([folder / "JPEGImages"], f"{name}/00000.jpg", folder)
    numbers = index_map(confined([folder / "Annotations"], f"{name}/00000.png", folder))
    width, height = read_size(picture)
    if numbers.shape != (height, width):
        size = f"{numbers.shape[1]} × {numbers.shape[0]}, the picture {width} × {height}"
        raise FormatError(f"The annotation of {name} is {size}.", picture, "Use the pair that belongs together.")
    objects = tuple(
        Labelled(Mask.from_array(numbers == number), labels.get(str(number)))
        for number in np.unique(numbers).tolist()
        if number not in (0, 255)
    )
    return Sample(name, picture, width, height, objects)


def index_map(path: Path) -> np.ndarray:
    """The numbers of a palette or greyscale PNG, not its colours."""
    read_size(path)  # the pixel limit and the format, checked on the header
    try:
        with Image.open(path, formats=("PNG",)) as opened:
            if opened.mode not in ("P", "L", "1"):
                raise FormatError(f"The annotation holds colours ({opened.mode}).", path, "Save it with a palette.")
            return np.asarray(opened).astype(np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise FormatError(f"The annotation cannot be read ({error}).", path, "Write it anew.") from error


def names_of(folder: Path, names: Path | None) -> list[str]:
    """The names of a list, one a line; without one, of all folders below `JPEGImages`."""
    if names is None:
        return sorted(p.name for p in _entries(folder / "JPEGImages") if p.is_dir())
    try:
        lines = names.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise FormatError(f"The list of names cannot be read ({error}).", names, "Write it anew.") from error
    return [line.strip() for line in lines if line.strip()]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise FormatError(f"The folder cannot be read ({error.strerror}).", folder, "Choose another one.") from error


def _object_labels(folder: Path) -> dict[str, dict[str, str]]:
    """Name of the picture, number of the object, class; empty without a usable `classes.json`."""
    path = folder / "classes.json"
    data = read_json(path) if path.is_file() else None
    objects = data.get("objects") if isinstance(data, dict) else None
    if not isinstance(objects, dict):
        return {}
    return {
        name: {str(k): v for k, v in labels.items() if isinstance(v, str)}
        for name, labels in objects.items()
        if isinstance(labels, dict)
    }
