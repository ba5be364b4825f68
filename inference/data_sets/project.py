"""A folder that was annotated in Winnow, read as a data set: the masks in the database of its project.

The file is only read, and may be open in a window: what is on the disk by now is seen. Its tables are those of
`app/project/schema.py`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.data_sets.model import DataSet, Labelled, Sample, confined
from inference.errors import FormatError, ImageError
from inference.masks import Mask
from inference.pictures import read_size
from inference.project_place import DATABASE, newest

_VERSIONS = (1, 2)
_QUERY = """
SELECT images.path, classes.name, instances.height, instances.width, instances.counts
FROM instances JOIN images ON images.id = instances.image LEFT JOIN classes ON classes.id = instances.class
WHERE typeof(images.path) = 'text' AND images.path NOT LIKE '.winnow/%'
ORDER BY images.path, instances.position
"""


def has_project(folder: Path) -> bool:
    """Whether something was annotated there with Winnow."""
    return (newest(folder) / DATABASE).is_file()


def read_project(folder: Path) -> DataSet:
    """Every annotated picture of a folder that has a project.

    Raises:
        FormatError: the database is of a newer version, damaged or none of Winnow's.
    """
    path = newest(folder) / DATABASE
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in _VERSIONS:
                raise FormatError(f"The project has the unknown version {version}.", path, "Update Winnow.")
            rows = connection.execute(_QUERY).fetchall()
            classes = [name for (name,) in connection.execute("SELECT name FROM classes ORDER BY position")]
    except sqlite3.Error as error:
        raise FormatError(f"The project cannot be read ({error}).", path, "Open the folder in Winnow.") from error
    result = DataSet(classes=classes)
    samples: dict[str, Sample | None] = {}
    for name, label, height, width, counts in rows:
        if name not in samples:
            samples[name] = _sample(folder, name, path, result)
        sample = samples[name]
        if sample is None:
            continue
        try:
            mask = _mask(sample, height, width, counts, path)
        except FormatError as error:
            result.problems.append(error)
            continue
        samples[name] = replace(sample, objects=(*sample.objects, Labelled(mask, label)))
    result.samples = [sample for sample in samples.values() if sample is not None]
    return result


def _sample(folder: Path, name: str, path: Path, result: DataSet) -> Sample | None:
    try:
        picture = confined([folder], name, path)
        width, height = read_size(picture)
        return Sample(name, picture, width, height)
    except (FormatError, ImageError) as error:
        result.problems.append(error)
        return None


def _mask(sample: Sample, height: Any, width: Any, counts: Any, path: Path) -> Mask:
    try:
        mask = Mask.from_rle({"size": [height, width], "counts": counts})
    except (ValueError, TypeError) as error:
        raise FormatError(f"A mask of {sample.name} is damaged: {error}.", path, "Draw it anew.") from error
    if (mask.width, mask.height) != (sample.width, sample.height):
        was = f"{mask.width} × {mask.height}, the picture {sample.width} × {sample.height}"
        raise FormatError(f"A mask of {sample.name} is {was}.", path, "Draw it anew.")
    return mask
