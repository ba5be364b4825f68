"""The files of pictures in which words were looked for; written as `app.subjects.outputs` writes those of a subject."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.cutouts.run import thumbnail
from app.subjects.outputs import INDEX, OutputFolder
from app.words.figure import figure, painted, union
from inference.errors import ImageError
from inference.jobs.text_segment import TextSegmentItem, TextSegmentRequest
from inference.text_segment import WordMask, bare

Rgb = npt.NDArray[np.uint8]

DESCRIPTION = "Things that words named, found by Winnow"
FOLDERS = ("originals", "masks", "figures", "results", "thumbnails")


@dataclass(frozen=True, slots=True)
class Done:
    """A finished picture: its name in the output, its JSON, and whether an earlier run made it."""

    name: str
    data: dict[str, Any]
    earlier: bool = False


def fingerprint(request: TextSegmentRequest) -> str:
    """Equal for requests that give the same files of a picture."""
    told = asdict(request)
    told.pop("images")
    told.pop("keep")
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()


def output_folder(folder: Path, inputs: Sequence[Path]) -> WordsFolder:
    """The folder that the files go to. Raises StorageError, and UsageError where other things are."""
    return WordsFolder(folder, inputs, FOLDERS, DESCRIPTION)


class WordsFolder(OutputFolder):
    """Fills with `originals/`, `masks/`, `figures/`, `results/` (a JSON a picture), `annotations.json`, a gallery.

    The JSON is written last: a picture that has one was finished.
    """

    __slots__ = ()

    def finished(self, source: Path, made_by: str) -> Done | None:
        """The picture, when an earlier run did the same with the same file."""
        name = self._name_of(source)
        try:
            data = json.loads((self.folder / "results" / f"{name}.json").read_text(encoding="utf-8"))
            same = (data["picture"], data["fingerprint"], data["file"]) == (str(source), made_by, _stamp(source))
            whole = same and all((self.folder / file).is_file() for file in data["files"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return Done(name, data, True) if whole else None

    def add_words(self, item: TextSegmentItem, rgb: Rgb, request: TextSegmentRequest, stamp: list[int]) -> Done:
        """Writes the files of a picture. StorageError or UsageError on failure.

        Args:
            rgb: the picture at full size.
            stamp: of the file when it was read.
        """
        if not self._is_marked():  # known as ours even when this run is cut off
            self.write_index([])
        source = Path(item.image.path)
        name = self._name_of(source)
        mask = union([one.mask for one in item.instances], item.width, item.height)
        files = {
            "original": self._save_jpeg(f"originals/{name}.jpg", rgb),
            "mask": self._save_png(f"masks/{name}.png", mask.astype(np.uint8) * 255),
            "figure": self._save_jpeg(f"figures/{name}.jpg", figure(rgb, item.instances, item.candidates)),
            "before": self.save(f"thumbnails/{name}-before.webp", _small(rgb)),
            "after": self.save(f"thumbnails/{name}-after.webp", _small(painted(rgb, item.instances))),
        }
        data = {
            "picture": str(source),
            "file": stamp,
            "fingerprint": fingerprint(request),
            "width": item.width,
            "height": item.height,
            "seconds": round(item.seconds, 3),
            "counts": {phrase: item.counts.get(phrase, 0) for phrase in request.phrases},
            "instances": [as_json(one) for one in item.instances],
            "candidates": [as_json(one) for one in item.candidates],
            "files": {kind: path.relative_to(self.folder).as_posix() for kind, path in files.items()},
        }
        self.save(f"results/{name}.json", json.dumps(data, indent=1).encode())
        return Done(name, data)

    def write_index(self, done: Sequence[Done]) -> Path:
        """Writes `annotations.json`: COCO instances of all pictures, a category for each phrase."""
        phrases = dict.fromkeys(phrase for one in done for phrase in one.data["counts"])
        categories = {phrase: number for number, phrase in enumerate(phrases, 1)}
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, one in enumerate(done, 1):
            data = one.data
            size = {"width": data["width"], "height": data["height"]}
            images.append({"id": number, "file_name": data["picture"], **size})
            for instance in data["instances"]:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": categories[instance["phrase"]],
                        "segmentation": instance["segmentation"],
                        "area": instance["area"],
                        "bbox": instance["box"],
                        "iscrowd": 0,
                        "score": instance["score"],
                        "attributes": {"parts": instance["parts"], "predicted_iou": instance["predicted_iou"]},
                    }
                )
        coco = {
            "info": {"description": self.description, "version": "1.0"},
            "licenses": [],
            "images": images,
            "annotations": annotations,
            "categories": [{"id": n, "name": bare(p), "supercategory": ""} for p, n in categories.items()],
        }
        return self.save(INDEX, json.dumps(coco, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))


def as_json(one: WordMask) -> dict[str, Any]:
    """A mask for machines: box as x, y, width, height, the score with its parts, the mask as COCO's RLE."""
    return {
        "phrase": one.phrase,
        "score": round(one.score, 4),
        "parts": {name: round(value, 4) for name, value in asdict(one.parts).items()},
        "predicted_iou": round(one.predicted_iou, 4),
        "accepted": one.accepted,
        "box": list(one.mask.bbox),
        "area": one.mask.area,
        "segmentation": one.mask.rle,
    }


def stamp_of(source: Path) -> list[int]:
    """Size and time of a file. ImageError when it is gone."""
    try:
        return _stamp(source)
    except OSError as error:
        why = error.strerror or str(error)
        raise ImageError(f"The picture cannot be read ({why}).", source, "Run again when it is back.") from error


def _stamp(source: Path) -> list[int]:
    status = source.stat()
    return [status.st_size, status.st_mtime_ns]


def _small(rgb: Rgb) -> bytes:
    return thumbnail(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))
