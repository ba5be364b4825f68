"""A small synthetic data set for the tests of training and evaluation: bright shapes on dark noise, as COCO."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from inference.engines.architecture import ArchConfig
from inference.masks import Mask

TINY = ArchConfig(
    image_size=64,
    hidden_dim=32,
    trunk_channels=(8, 16, 32, 32),
    trunk_attention=(1, 1),
    trunk_convs=(0, 0, 1),
    decoder_mlp=32,
)


def write_scene(folder: Path, pictures: int = 4, size: int = 96, name: str = "train") -> Path:
    """`folder/{name}.json` and `folder/images`: two objects a picture, categories "blob" and "region"."""
    rng = np.random.default_rng(3)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number in range(pictures):
        image = rng.integers(0, 60, (size, size, 3)).astype(np.uint8)
        for thing in range(2):
            mask = np.zeros((size, size), np.uint8)
            x, y = (int(v) for v in rng.integers(20, size - 20, 2))
            if thing:
                cv2.rectangle(mask, (x - 10, y - 14), (x + 10, y + 14), 1, -1)
            else:
                cv2.ellipse(mask, (x, y), (18, 12), int(rng.integers(0, 180)), 0, 360, 1, -1)
            image[mask > 0] = rng.integers(150, 255, 3)
            annotation = {
                "id": len(annotations) + 1,
                "image_id": number + 1,
                "category_id": thing + 1,
                "iscrowd": 0,
                "segmentation": Mask.from_array(mask).rle,
            }
            annotations.append(annotation)
        file = f"{name}_{number}.png"
        cv2.imwrite(str(folder / "images" / file), image)
        images.append({"id": number + 1, "file_name": file, "width": size, "height": size, "source": f"s{number % 2}"})
    categories = [{"id": 1, "name": "blob"}, {"id": 2, "name": "region"}]
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path
