"""Sheets to look at: the worst answers, models side by side, where they agree. Drawn with Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.evaluation.protocol import BoolMap, Rgb

# Okabe & Ito (2008): told apart with every kind of colour vision.
RIGHT, SURPLUS, MISSED = (0, 158, 115), (213, 94, 0), (0, 114, 178)
LEGEND = (("right", RIGHT), ("too much", SURPLUS), ("missed", MISSED))
GROUND, INK, FAINT = "#ffffff", "#18212e", "#64748b"

_TILE, _GAP, _LINE = (260, 220), 14, 20


def compared(rgb: Rgb, answer: BoolMap, truth: BoolMap, ignore: BoolMap | None = None) -> Rgb:
    """The picture with what is right, too much and missed tinted outside of `ignore`, and the true outline in white."""
    if ignore is not None:
        answer = answer & ~ignore
    painted = rgb.astype(np.float32)
    for region, colour in ((answer & truth, RIGHT), (answer & ~truth, SURPLUS), (truth & ~answer, MISSED)):
        painted[region] = 0.45 * painted[region] + 0.55 * np.array(colour, np.float32)
    pixels = np.ascontiguousarray(np.round(painted).astype(np.uint8))
    contours, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(pixels, contours, -1, (255, 255, 255), _stroke(rgb), cv2.LINE_AA)
    return pixels


def agreement(rgb: Rgb, answers: Sequence[BoolMap]) -> Rgb:
    """Where all answers say the same: inside (green) or outside (grey); the more they differ, the warmer."""
    share = np.mean(np.stack(answers), axis=0, dtype=np.float32)
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float32)
    split = 1 - np.abs(2 * share - 1)  # 0 where all agree, 1 at a tie
    colour = np.array(RIGHT, np.float32) + split[..., None] * (np.array(SURPLUS, np.float32) - np.array(RIGHT))
    weight = np.where(share > 0, 0.35 + 0.4 * split, 0.0)[..., None]
    return np.round(grey * 0.9 * (1 - weight) + colour * weight).astype(np.uint8)


def with_point(rgb: Rgb, x: float, y: float) -> Rgb:
    """The picture with a positive click on it."""
    pixels, radius = rgb.copy(), 4 * _stroke(rgb)
    centre = (int(x), int(y))
    cv2.circle(pixels, centre, radius, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(pixels, centre, max(radius - _stroke(rgb), 1), RIGHT, -1, cv2.LINE_AA)
    return pixels


def with_box(rgb: Rgb, box: tuple[int, int, int, int]) -> Rgb:
    """The picture with a box, right and lower edges exclusive."""
    pixels = rgb.copy()
    cv2.rectangle(pixels, (box[0], box[1]), (box[2] - 1, box[3] - 1), (255, 255, 255), _stroke(rgb) + 2)
    cv2.rectangle(pixels, (box[0], box[1]), (box[2] - 1, box[3] - 1), RIGHT, _stroke(rgb))
    return pixels


def sheet(
    rows: Sequence[Sequence[tuple[Rgb, str]]],
    title: str,
    subtitle: str = "",
    heads: Sequence[str] = (),
    legend: Sequence[tuple[str, tuple[int, int, int]]] = LEGEND,
) -> Image.Image:
    """Rows of pictures with a caption below each (two lines), under a title and the heads of the columns."""
    columns = max((len(row) for row in rows), default=1)
    top = 78 + (26 if heads else 0)
    tile = _TILE[0] + _GAP, _TILE[1] + 2 * _LINE + _GAP + 6
    page = Image.new("RGB", (max(columns * tile[0] + _GAP, 560), top + max(len(rows), 1) * tile[1] + _GAP), GROUND)
    pen = ImageDraw.Draw(page)
    pen.text((_GAP, 12), title, fill=INK, font=_font(24))
    left = _draw_legend(pen, legend, 46)
    pen.text((left, 46), subtitle, fill=FAINT, font=_font(15))
    for column, head in enumerate(heads):
        pen.text((_GAP + column * tile[0], top - 26), _short(pen, head, 17), fill=INK, font=_font(17))
    for number, row in enumerate(rows):
        for column, (pixels, caption) in enumerate(row):
            x, y = _GAP + column * tile[0], top + number * tile[1]
            _place(page, pixels, x, y)
            for line, text in enumerate(caption.split("\n")[:2]):
                ink = FAINT if line else INK
                pen.text((x, y + _TILE[1] + 4 + line * _LINE), _short(pen, text, 15), fill=ink, font=_font(15))
    return page


def save(page: Image.Image, path: Path) -> None:
    """As PNG; OSError when it cannot be written."""
    page.save(path, "PNG")


def _draw_legend(pen: ImageDraw.ImageDraw, legend: Sequence[tuple[str, tuple[int, int, int]]], y: int) -> int:
    x = _GAP
    for name, colour in legend:
        pen.rectangle((x, y + 3, x + 13, y + 16), fill=colour)
        pen.text((x + 20, y), name, fill=FAINT, font=_font(15))
        x += 34 + round(pen.textlength(name, font=_font(15)))
    return x


def _place(page: Image.Image, pixels: Rgb, x: int, y: int) -> None:
    picture = Image.fromarray(pixels)
    scale = min(_TILE[0] / picture.width, _TILE[1] / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    page.paste(picture.resize(size, Image.Resampling.LANCZOS), (x, y + _TILE[1] - size[1]))


def _short(pen: ImageDraw.ImageDraw, text: str, size: int) -> str:
    """The text, cut in its middle when it is wider than a tile."""
    cut = text
    while len(cut) > 8 and pen.textlength(cut, font=_font(size)) > _TILE[0]:
        keep = (len(cut) - 2) // 2
        cut = f"{text[:keep]}…{text[-keep:]}"
    return cut


def _stroke(rgb: Rgb) -> int:
    """Lines that are about a pixel wide once the picture is on its tile."""
    return max(1, round(max(rgb.shape[:2]) / 300))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
