"""How many of the true masks of labelled pictures segment everything finds, beside the generator with the same weights.

python -m benchmarks.everything_recall ../shared/data/segmentation/val.json [PICTURES] [POINTS]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from inference import paths, warnings_allowed
from inference.everything import EverythingOptions
from inference.masks import Mask

LIMITS = (0.5, 0.7)
SMALLEST = 0.002  # share of the picture; smaller objects are not counted
FILTERS: dict[str, Any] = {"pred_iou_thresh": 0.4, "stability_score_thresh": 0.5}


def main(data: Path, count: int = 40, points: int = 16) -> None:
    import torch

    from inference.data_sets.coco import read_coco
    from inference.engines.architecture import load_checkpoint
    from inference.engines.device import thread_count
    from inference.pictures import read_rgb

    warnings_allowed.allow()
    torch.set_num_threads(thread_count())
    model, config = load_checkpoint(paths.checkpoint("winnow-starter.safetensors"))
    samples = [s for s in read_coco(data).samples if s.objects]
    chosen = np.random.default_rng(0).choice(len(samples), min(count, len(samples)), replace=False)
    ways = ("generator", "exact", "fast")
    best: dict[str, list[float]] = {way: [] for way in ways}
    seconds, masks = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    for index in sorted(chosen):
        sample = samples[index]
        rgb = read_rgb(sample.path)
        true = [o.mask for o in sample.objects if o.mask.area >= SMALLEST * o.mask.width * o.mask.height]
        for way in ways:
            start = time.perf_counter()
            found = _found(way, model, config, rgb, points)
            seconds[way] += time.perf_counter() - start
            masks[way] += len(found)
            best[way] += [max((t.iou(m) for m in found), default=0.0) for t in true]
    print(f"{len(chosen)} pictures, {len(best['exact'])} true masks, {points}×{points} points")
    for way in ways:
        recalls = ", ".join(f"{np.mean(np.array(best[way]) >= limit):.3f} at IoU {limit}" for limit in LIMITS)
        each = len(chosen)
        print(f"{way}: recall {recalls}; {masks[way] / each:.1f} masks and {seconds[way] / each:.2f} s a picture")


def _found(way: str, model: Any, config: Any, rgb: Any, points: int) -> list[Mask]:
    if way != "generator":
        from inference.engines.everything import find_everything
        from inference.engines.segmenter import Segmenter

        segmenter = Segmenter(model, config)
        options = EverythingOptions(points_per_side=points, mode=way, **FILTERS)  # type: ignore[arg-type]
        return [f.mask for f in find_everything(segmenter, segmenter.encode(rgb), options, lambda: rgb)]
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    from inference.engines.architecture import predictor_for

    generator = SAM2AutomaticMaskGenerator(model, points_per_side=points, output_mode="coco_rle", **FILTERS)
    generator.predictor = predictor_for(model, dense_prompts=config.dense_prompts)
    try:
        return [Mask.from_rle(row["segmentation"]) for row in generator.generate(rgb)]
    except IndexError:  # how it says that nothing passed its filters
        return []


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(n) for n in sys.argv[2:4]))
