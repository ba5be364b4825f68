"""Segment everything on a 12-megapixel picture against `SAM2AutomaticMaskGenerator`: seconds, peak memory, same masks.

Every way runs in a child process of its own, whose memory is limited to what the machine has left.
`WINNOW_BENCH_POINTS` says how many points a side the grid has (32 is the generator's default and takes the generator
many minutes on a CPU), `WINNOW_BENCH_BATCH` how many are decoded at once on both sides: 64 is the default of both,
where the generator makes 192 masks of 12 million floats (9 GB) and copies of them; without the variable it is 8.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import report
from inference.masks import Mask

POINTS = int(os.environ.get("WINNOW_BENCH_POINTS", "8"))
BATCH = int(os.environ.get("WINNOW_BENCH_BATCH", "8"))
SAME, ALIKE = 0.999, 0.9  # IoU
TARGETS = {"exact": (0.5, 0.3), "fast": (0.25, None)}
# Random weights make masks that no filter would pass and that all have the same box: everything is let through.
OPEN = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}
REAL = {"pred_iou_thresh": 0.4, "stability_score_thresh": 0.5}


def main() -> None:
    from benchmarks.models_and_photo import models, photo, stored

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = photo(folder)
        for title, model, config in models():
            options = (REAL if title.startswith("built-in") else OPEN) | {
                "points_per_side": POINTS,
                "points_per_batch": BATCH,
            }
            weights = stored(model, config, folder)
            del model
            theirs = _child("plain", weights, picture, options)
            for way in ("exact", "fast"):
                ours = _child(way, weights, picture, options)
                _compare(way, title, ours, theirs)


def _compare(way: str, title: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    most_time, most_memory = TARGETS[way]
    what = f"{way}, {POINTS}×{POINTS} points, {BATCH} at once, 12 MP, {title}"
    report(
        f"everything, {what}",
        ours["seconds"],
        "s",
        ours["seconds"] / theirs["seconds"],
        most_time,
        f"generator {theirs['seconds']:.1f} s",
    )
    report(
        f"peak memory, {what}",
        ours["peak"] / 2**20,
        "MiB",
        ours["peak"] / theirs["peak"],
        most_memory,
        f"generator {theirs['peak'] / 2**20:.0f} MiB; before the search {ours['before'] / 2**20:.0f} and "
        f"{theirs['before'] / 2**20:.0f}",
    )
    best = _best_ious(theirs["masks"], ours["masks"])
    limit = SAME if way == "exact" else ALIKE
    share = sum(iou >= limit for iou in best) / max(len(best), 1)
    least = 1.0 if way == "exact" else 0.95
    words = f"{len(theirs['masks'])} masks of the generator, {len(ours['masks'])} of ours"
    verdict = "met" if share >= least else "MISSED"
    print(f"found again (IoU ≥ {limit}), {what}: {share:.3f}, target {least:g}: {verdict}  ({words})", flush=True)


def _best_ious(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[float]:
    """For every wanted mask the IoU of the found one that fits best."""
    from pycocotools import mask as coco

    if not wanted or not found:
        return [0.0] * len(wanted)
    there, here = ([Mask.from_rle(rle)._native() for rle in codes] for codes in (wanted, found))
    return [float(v) for v in coco.iou(there, here, [0] * len(here)).max(axis=1)]


def _child(way: str, weights: Path, picture: Path, options: dict[str, Any]) -> dict[str, Any]:
    """What a search in a process of its own takes and finds."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.bench_everything",
        way,
        str(weights),
        str(picture),
        json.dumps(options),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(f"{way} ended with {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def child(way: str, weights: str, picture: str, options: dict[str, Any]) -> None:
    """One search; prints seconds, peak bytes and masks as one line of JSON."""
    import psutil
    import torch

    from inference import warnings_allowed
    from inference.engines.architecture import load_checkpoint
    from inference.engines.device import thread_count
    from inference.pictures import read_rgb

    warnings_allowed.allow()
    torch.set_num_threads(thread_count())
    limit = int(psutil.virtual_memory().available * 0.9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    model, config = load_checkpoint(Path(weights))
    rgb = read_rgb(picture)
    before = _peak()
    start = time.perf_counter()
    masks = (_plain if way == "plain" else _ours)(way, model, config, rgb, options)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": _peak(), "before": before, "masks": masks}))


def _peak() -> int:
    """The most bytes this process has had in memory. What `getrusage` says begins with the size of the parent."""
    status = Path("/proc/self/status")
    if status.is_file():
        high = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(high.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _plain(_way: str, model: Any, config: Any, rgb: Any, options: dict[str, Any]) -> list[Any]:
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    from inference.engines.architecture import predictor_for

    generator = SAM2AutomaticMaskGenerator(model, output_mode="coco_rle", **options)
    generator.predictor = predictor_for(model, dense_prompts=config.dense_prompts)
    return [row["segmentation"] for row in generator.generate(rgb) if row["area"]]


def _ours(way: str, model: Any, config: Any, rgb: Any, options: dict[str, Any]) -> list[Any]:
    from inference.engines.everything import find_everything
    from inference.engines.segmenter import Segmenter
    from inference.everything import EverythingOptions

    segmenter = Segmenter(model, config)
    asked = EverythingOptions(mode=way, **options)  # type: ignore[arg-type]
    found = find_everything(segmenter, segmenter.encode(rgb), asked, lambda: rgb)
    return [one.mask.rle for one in found]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(*sys.argv[1:4], json.loads(sys.argv[4]))
    else:
        main()
