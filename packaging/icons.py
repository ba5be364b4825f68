"""Makes the icons of the three systems from the drawing: PNG for Linux, ICO for Windows, ICNS for macOS."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

DRAWINGS = Path(__file__).resolve().parent.parent / "resources" / "icons"
DRAWING = DRAWINGS / "winnow.svg"
SMALL = DRAWINGS / "winnow-small.svg"
LARGEST_SMALL = 24
SIDES = (16, 24, 32, 48, 64, 128, 256, 512, 1024)
ICO_SIDES = (16, 24, 32, 48, 64, 128, 256)


def make(folder: Path) -> dict[str, Path]:
    """Writes `winnow.ico`, `winnow.icns` and `winnow-SIDE.png` into the folder; the paths by name."""
    from PySide6.QtGui import QGuiApplication

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication.instance() or QGuiApplication([])
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {side: _drawn(side) for side in SIDES}  # each drawn at its own size, not scaled
    made = {}
    for side, picture in drawn.items():
        made[f"png-{side}"] = folder / f"winnow-{side}.png"
        picture.save(made[f"png-{side}"])
    made["ico"], made["icns"] = folder / "winnow.ico", folder / "winnow.icns"
    small = [drawn[side] for side in ICO_SIDES]
    small[-1].save(made["ico"], sizes=[(s, s) for s in ICO_SIDES], append_images=small[:-1])
    drawn[1024].save(made["icns"], append_images=[drawn[s] for s in (16, 32, 64, 128, 256, 512)])
    del application
    return made


def _drawn(side: int) -> Image.Image:
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    picture = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(0)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(str(SMALL if side <= LARGEST_SMALL else DRAWING)).render(painter)
    painter.end()
    plain = picture.convertToFormat(QImage.Format.Format_RGBA8888)
    return Image.frombytes("RGBA", (side, side), bytes(plain.constBits()))  # four bytes a pixel: no row is padded
