"""The Oxford-IIIT Pet set in its own layout, and its way into SAM 2's training layout.

`images/NAME.jpg`, `annotations/trimaps/NAME.png` (1 foreground, 2 background, 3 boundary), and lists of
`NAME class species breed` lines: `list.txt`, `trainval.txt`, `test.txt`. NAME is the breed and a number; the species is
1 for cats and 2 for dogs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inference.data_sets.split import split_by_content
from inference.errors import AppError, FormatError, ImageError, StorageError, UsageError
from inference.pictures import read_rgb, read_size

SPECIES = {"1": "cat", "2": "dog"}
SPLITS = ("random", "official")
TINY = 20  # names in train_list_tiny.txt; val_list_tiny.txt has half as many


@dataclass(frozen=True, slots=True)
class Pet:
    """One picture of the set; its files may be missing."""

    name: str
    image: Path
    trimap: Path
    species: str

    @property
    def breed(self) -> str:
        return self.name.rpartition("_")[0] or self.name


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written: names of the training and choosing parts, and what was left out and why."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    problems: tuple[AppError, ...]


def list_pets(folder: Path, split: str) -> list[Pet]:
    """The pictures that `annotations/{split}.txt` names. FormatError when it cannot be read or names unsafe files."""
    listing = folder / "annotations" / f"{split}.txt"
    try:
        lines = listing.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise FormatError("The list of pictures cannot be read.", listing, "Check the folder.") from error
    pets = []
    for line in lines:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name = words[0]
        if "/" in name or "\\" in name or name.startswith(".") or ":" in name:
            raise FormatError(f"The name {name!r} leads out of the data set.", listing, "Mend the list.")
        # in lists without the numbers the name tells: those of cats begin with a capital letter
        species = SPECIES.get(words[2] if len(words) > 2 else "", "cat" if name[:1].isupper() else "dog")
        trimap = folder / "annotations" / "trimaps" / f"{name}.png"
        pets.append(Pet(name, folder / "images" / f"{name}.jpg", trimap, species))
    return pets


def convert_pets(
    source: Path,
    out: Path,
    split: str = "random",
    val_share: float = 0.2,
    seed: int = 0,
    told: Callable[[int, int, str], None] = lambda _done, _total, _name: None,
) -> Converted:
    """Writes `JPEGImages/NAME/00000.jpg`, `Annotations/NAME/00000.png` (foreground and boundary are 1), `classes.json`
    and the lists `train_list.txt`, `val_list.txt`, `train_list_tiny.txt`, `val_list_tiny.txt`.

    JPEG files are copied as they are; others that only carry the name are written anew. Pairs that do not fit are
    left out and named.

    Args:
        split: "random": `val_share` of every breed in `list.txt` (and of what `trainval.txt` and `test.txt` name
            beside it) for choosing, by `seed`, the same bytes on one side; "official": `trainval.txt` to train,
            `test.txt` to choose.
        told: hears how far it is; may raise Cancelled.

    Raises:
        FormatError: this is no Oxford pets folder, or nothing in it can be used.
        StorageError: `out` is not empty or cannot be written. UsageError: an unknown split.
    """
    if split not in SPLITS:
        raise UsageError(f"There is no split {split!r}.", remedy=f"There are {' and '.join(SPLITS)}.")
    pets, official = _all_pets(source, split)
    _require_empty(out)
    problems: list[AppError] = []
    good: list[Pet] = []
    for number, pet in enumerate(pets):
        told(number, len(pets), pet.name)
        try:
            _write_pair(pet, out)
            good.append(pet)
        except (ImageError, FormatError) as error:
            problems.append(error)
            for part in ("JPEGImages", "Annotations"):
                shutil.rmtree(out / part / pet.name, ignore_errors=True)
    if not good:
        first = problems[0].message if problems else "The lists are empty."
        raise FormatError(f"Nothing in the data set can be used. {first}", source, "Check its pictures and masks.")
    if split == "official":
        train = [pet for pet in good if official[pet.name] == "trainval"]
        val = [pet for pet in good if official[pet.name] == "test"]
    else:
        train, val = split_by_content(good, lambda p: p.image, lambda p: p.breed, val_share, seed)
    lists = {"train_list": train, "val_list": val}
    lists |= {"train_list_tiny": _spread(train, TINY), "val_list_tiny": _spread(val, TINY // 2)}
    try:
        for name, members in lists.items():
            (out / f"{name}.txt").write_text("".join(f"{pet.name}\n" for pet in members), "utf-8")
        (out / "classes.json").write_text(json.dumps(_classes(good), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise _unwritten(out, error) from error
    return Converted(tuple(p.name for p in train), tuple(p.name for p in val), tuple(problems))


def _all_pets(source: Path, split: str) -> tuple[list[Pet], dict[str, str]]:
    """Every picture once, and which official list names it."""
    if not (source / "annotations" / "trimaps").is_dir():
        raise FormatError("There is no annotations/trimaps.", source, "Choose the folder of the Oxford-IIIT Pet set.")
    parts = ["trainval", "test"] if split == "official" else ["list", "trainval", "test"]
    pets: dict[str, Pet] = {}
    official: dict[str, str] = {}
    for part in parts:
        if split == "random" and not (source / "annotations" / f"{part}.txt").is_file():
            continue
        for pet in list_pets(source, part):
            pets.setdefault(pet.name, pet)
            official.setdefault(pet.name, part)
    return list(pets.values()), official


def _spread(pets: Sequence[Pet], count: int) -> list[Pet]:
    """A few, as many of each breed as can be."""
    by_breed: dict[str, list[Pet]] = defaultdict(list)
    for pet in pets:
        by_breed[pet.breed].append(pet)
    turns = [(place, breed, pet) for breed, members in by_breed.items() for place, pet in enumerate(members)]
    return [pet for _, _, pet in sorted(turns, key=lambda t: t[:2])][:count]


def _write_pair(pet: Pet, out: Path) -> None:
    for path in (pet.image, pet.trimap):
        if not path.is_file():
            raise ImageError("The file is missing.", path, "Copy it again from the original.")
    mask = _mask(pet.trimap)
    width, height = read_size(pet.image)
    if mask.shape != (height, width):
        size = f"{mask.shape[1]} × {mask.shape[0]}, the picture {width} × {height}"
        raise FormatError(f"The trimap is {size}.", pet.trimap, "Use the pair that belongs together.")
    if not mask.any():
        raise FormatError("The trimap has no foreground.", pet.trimap, "Draw it anew.")
    pixels = read_rgb(pet.image)  # read whole: a truncated picture is found here and not while training
    picture, annotation = out / "JPEGImages" / pet.name / "00000.jpg", out / "Annotations" / pet.name / "00000.png"
    try:
        picture.parent.mkdir(parents=True)
        annotation.parent.mkdir(parents=True)
        if _is_plain_jpeg(pet.image):
            shutil.copyfile(pet.image, picture)
        else:
            Image.fromarray(pixels).save(picture, "JPEG", quality=95)
        indexed = Image.fromarray(mask.astype(np.uint8), "P")
        indexed.putpalette([0, 0, 0, 128, 0, 0])
        indexed.save(annotation, "PNG", optimize=True)
    except OSError as error:
        raise _unwritten(out, error) from error


def _mask(trimap: Path) -> np.ndarray:
    """(H, W) bool: foreground and boundary."""
    read_size(trimap)  # the pixel limit, checked on the header
    try:
        with Image.open(trimap, formats=("PNG",)) as opened:
            values = np.asarray(opened)
    except (OSError, ValueError, SyntaxError) as error:
        raise FormatError(f"The trimap cannot be read ({error}).", trimap, "Copy it again.") from error
    if values.ndim != 2 or not np.isin(values, (1, 2, 3)).all():
        raise FormatError("The trimap holds other values than 1, 2 and 3.", trimap, "Copy it again.")
    return np.isin(values, (1, 3))


def _is_plain_jpeg(path: Path) -> bool:
    """Upright, RGB or grey: what every reader shows alike."""
    try:
        with Image.open(path, formats=("JPEG",)) as opened:
            return opened.mode in ("RGB", "L") and opened.getexif().get(0x0112, 1) == 1
    except (OSError, SyntaxError):
        return False


def _classes(pets: Sequence[Pet]) -> dict[str, object]:
    """What `read_sam2` takes class names from: the breed of the one object of each picture."""
    breeds = {pet.breed: pet.species for pet in pets}
    return {
        "classes": [{"name": breed, "supercategory": species} for breed, species in sorted(breeds.items())],
        "objects": {pet.name: {"1": pet.breed} for pet in sorted(pets, key=lambda p: p.name)},
    }


def _require_empty(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise StorageError("The folder is not empty.", out, "Choose a new one.")
        if not os.access(out, os.W_OK):
            raise StorageError("The folder cannot be written.", out, "Choose another one.")
    except OSError as error:
        raise _unwritten(out, error) from error


def _unwritten(out: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The data set cannot be written ({error.strerror or error}).", out, "Free space or choose another folder."
    )


__all__ = ["SPLITS", "Converted", "Pet", "convert_pets", "list_pets"]
