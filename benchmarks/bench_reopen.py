"""Coming back to a 12-megapixel picture, and opening a prefetched one, against `SAM2ImagePredictor.set_image`.

Ours starts from the path: the file is found, its content looked up, the embedding brought. The predictor is given the
decoded picture.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.common import best_times, report
from benchmarks.models_and_photo import models, photo, stored
from inference.engines.architecture import predictor_for
from inference.engines.pool import ModelPool, Origin
from inference.pictures import read_rgb


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = photo(folder)
        rgb = read_rgb(picture)
        for title, model, config in models():
            weights = str(stored(model, config, folder))
            predictor = predictor_for(model)
            pool = ModelPool(force_device="cpu", disk_cache_dir=folder / "cache")
            pool.find(weights, picture)
            # A prefetched picture is one that the pool has seen and the person has not.
            reopen, disk, plain = best_times(
                [
                    lambda p=pool, w=weights: _expect(p, w, picture, Origin.MEMORY),
                    lambda p=pool, w=weights: _from_disk(p, w, picture),
                    lambda p=predictor: p.set_image(rgb),
                ],
                rounds=5,
            )
            report(f"reopen a picture seen before, 12 MP, {title}", reopen * 1e3, "ms", reopen / plain, 0.02)
            prefetched = _first_opening(pool, weights, picture, folder)
            report(
                f"open the prefetched next picture, 12 MP, {title}", prefetched * 1e3, "ms", prefetched / plain, 0.05
            )
            report(f"reopen after a restart, from disk, 12 MP, {title}", disk * 1e3, "ms", disk / plain, 0.05)
            print(f"   set_image: {plain * 1e3:.0f} ms", flush=True)
            pool.release()


def _expect(pool: ModelPool, weights: str, picture: Path, origin: Origin) -> None:
    found = pool.find(weights, picture)
    if found.origin is not origin:
        raise AssertionError(f"expected {origin}, found {found.origin}")


def _from_disk(pool: ModelPool, weights: str, picture: Path) -> None:
    pool._memory.clear()
    _expect(pool, weights, picture, Origin.DISK)


def _first_opening(pool: ModelPool, weights: str, picture: Path, folder: Path) -> float:
    """Prefetch a picture, then open it once; the shortest of five, each with a picture of its own."""
    best = float("inf")
    for number in range(5):
        following = folder / f"next-{number}.jpg"
        shutil.copy(picture, following)
        with following.open("ab") as stream:
            stream.write(bytes([number + 1]))  # other content, same picture
        pool.find(weights, following)
        start = time.perf_counter()
        _expect(pool, weights, following, Origin.MEMORY)
        best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    main()
