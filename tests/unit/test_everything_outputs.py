"""The files of all objects of a picture, written twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.everything.outputs import Findings, output_folder
from inference.everything import FoundMask
from inference.masks import Mask

RGB = np.full((20, 30, 3), 90, np.uint8)


def _found(count: int) -> Findings:
    masks = []
    for number in range(count):
        pixels = np.zeros((20, 30), bool)
        pixels[2:8, 5 * number : 5 * number + 4] = True
        masks.append(FoundMask(Mask.from_array(pixels), 0.9, 0.97, (1, 3), (0, 0, 30, 20), number))
    return Findings(Path("/in/cat.jpg"), "starter", tuple(masks), 30, 20, 0.1)


def test_files_of_objects_that_are_not_found_any_more_go(tmp_path: Path) -> None:
    for count in (4, 2):
        folder = output_folder(tmp_path / "out", [])
        folder.add_findings(_found(count), RGB, overlay=False, segments=True)
        folder.finish()
    place = tmp_path / "out" / "segments" / "cat"
    assert sorted(file.name for file in place.iterdir()) == ["cat_001.png", "cat_002.png"]


def test_a_picture_that_was_given_is_never_removed(tmp_path: Path) -> None:
    folder = output_folder(tmp_path / "out", [])
    folder.add_findings(_found(3), RGB, overlay=False, segments=True)
    folder.finish()
    given = tmp_path / "out" / "segments" / "cat" / "cat_003.png"
    output_folder(tmp_path / "out", [given]).add_findings(_found(2), RGB, overlay=False, segments=True)
    assert given.is_file()
