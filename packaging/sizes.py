"""How large a built program is, by part, and the ceiling of its variant."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

GB = 1_000_000_000
CEILINGS = {"CUDA": 6.0 * GB, "ROCm": 12.0 * GB, "CPU": 2.0 * GB, "MPS": 2.0 * GB}
"""By variant; torch and what it brings cannot be thinned safely, so the CUDA build's is mostly theirs."""

PARTS = {
    "CUDA libraries": ("nvidia",),
    "torch": ("torch", "torchvision", "torchgen", "functorch", "torchvision.libs"),
    "Qt": ("PySide6", "shiboken6"),
    "OpenCV": ("cv2", "opencv_python.libs"),
    "numpy, scipy, scikit-learn": ("numpy", "numpy.libs", "scipy", "scipy.libs", "sklearn", "scikit_learn.libs"),
    "Winnow's models": ("checkpoints",),
    "Winnow's resources": ("resources",),
}
REST = "Python, the program, everything else"


def by_part(folder: Path) -> dict[str, int]:
    """Bytes of each part below the program's folder, largest first. Links count nothing."""
    inside = {name: part for part, names in PARTS.items() for name in names}
    sizes: Counter[str] = Counter()
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            places = [p for p in file.relative_to(folder).parts if p not in ("_internal", "Contents", "Frameworks")]
            sizes[inside.get(places[0], REST)] += file.stat().st_size
    return dict(sizes.most_common())


def report(folder: Path, variant: str) -> tuple[str, bool]:
    """The table as text, and whether the whole is below its variant's ceiling ("CUDA 13.0": that of CUDA)."""
    sizes, ceiling = by_part(folder), CEILINGS[variant.split()[0]]
    total = sum(sizes.values())
    width = max(len(part) for part in (*sizes, REST))
    lines = [f"  {part:<{width}}  {size / 1e6:9,.1f} MB" for part, size in sizes.items()]
    lines.append(f"  {'all':<{width}}  {total / 1e6:9,.1f} MB of at most {ceiling / 1e6:,.0f} MB ({variant})")
    return "\n".join(lines), total <= ceiling
