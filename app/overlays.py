"""Masks and boxes drawn onto pictures, cut-outs on a checkerboard, tiles joined to a contact sheet. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw, ImageFont

from inference.masks import Mask
from inference.prompts import Box, Point

Rgb = npt.NDArray[np.uint8]
Colour = str | tuple[int, int, int]

# Colours that stay apart on photographs, for instances without a class colour (Okabe & Ito 2008, plus four).
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#9b5de5", "#f15bb5", "#00bbf9")


def colour_of(index: int) -> str:
    """The colour of the `index`-th instance."""
    return PALETTE[index % len(PALETTE)]


def rgb_of(colour: Colour) -> tuple[int, int, int]:
    """(r, g, b) of `#rrggbb`, a CSS name or a tuple."""
    if isinstance(colour, tuple):
        return colour
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def overlay(
    rgb: Rgb,
    masks: Sequence[Mask | npt.NDArray[np.bool_]],
    colours: Sequence[Colour] | None = None,
    *,
    boxes: Sequence[Box | None] = (),
    points: Sequence[Point] = (),
    opacity: float = 0.45,
    outline: bool = True,
) -> Rgb:
    """Masks painted over a picture in their order, outlined, with the boxes and clicks that prompted them.

    Args:
        rgb: (H, W, 3) uint8; not changed.
        masks: of the same size as the picture.
        colours: one a mask; `PALETTE` when left out. Boxes take the colour of the mask at their place.
        opacity: 0 leaves the picture, 1 hides it under the masks.

    Returns:
        (H, W, 3) uint8.
    """
    result = rgb.copy()
    shades = [rgb_of(c) for c in colours] if colours else [rgb_of(colour_of(i)) for i in range(max(len(masks), 1))]
    stroke = stroke_width(rgb.shape[1], rgb.shape[0])
    for index, mask in enumerate(masks):
        pixels = mask.array() if isinstance(mask, Mask) else np.asarray(mask, bool)
        if pixels.shape != rgb.shape[:2]:
            raise ValueError(f"a mask of {pixels.shape[::-1]} does not fit a picture of {rgb.shape[1::-1]}")
        _paint(result, pixels, shades[index % len(shades)], opacity, stroke if outline else 0)
    for index, box in enumerate(boxes):
        if box is not None:
            draw_box(result, box, shades[index % len(shades)], stroke)
    for point in points:
        draw_point(result, point, stroke)
    return result


def stroke_width(width: int, height: int) -> int:
    """A line width in pixels that looks alike on small and large pictures."""
    return max(1, round(max(width, height) / 400))


def draw_box(rgb: Rgb, box: Box, colour: Colour, stroke: int) -> None:
    """Draws a box in place, on a dark rim so that it shows on any ground."""
    start, end = (round(box.x0), round(box.y0)), (round(box.x1) - 1, round(box.y1) - 1)
    cv2.rectangle(rgb, start, end, (20, 20, 20), stroke + 2, cv2.LINE_AA)
    cv2.rectangle(rgb, start, end, rgb_of(colour), stroke, cv2.LINE_AA)


def draw_point(rgb: Rgb, point: Point, stroke: int) -> None:
    """Draws a click in place: a green disc with + or a red square with −, as on the canvas."""
    x, y, r = round(point.x), round(point.y), 4 * stroke
    if point.positive:
        cv2.circle(rgb, (x, y), r + stroke, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(rgb, (x, y), r, (22, 163, 74), -1, cv2.LINE_AA)
        cv2.line(rgb, (x, y - r // 2), (x, y + r // 2), (255, 255, 255), stroke)
    else:
        cv2.rectangle(rgb, (x - r - stroke, y - r - stroke), (x + r + stroke, y + r + stroke), (255, 255, 255), -1)
        cv2.rectangle(rgb, (x - r, y - r), (x + r, y + r), (220, 38, 38), -1)
    cv2.line(rgb, (x - r // 2, y), (x + r // 2, y), (255, 255, 255), stroke)


def cutout(rgb: Rgb, mask: Mask) -> npt.NDArray[np.uint8]:
    """The masked part on transparency: (H, W, 4) uint8, black outside."""
    pixels = mask.array()
    return np.dstack([rgb * pixels[..., None], pixels.astype(np.uint8) * 255])


def on_checkerboard(rgba: npt.NDArray[np.uint8], cell: int = 0) -> Rgb:
    """A transparent picture on the usual light checkerboard. `cell` is a square's edge in pixels (0: fitting)."""
    height, width = rgba.shape[:2]
    cell = cell or max(4, max(width, height) // 40)
    rows, columns = np.arange(height) // cell, np.arange(width) // cell
    board = np.where((rows[:, None] + columns[None, :]) % 2, 214, 244).astype(np.float32)[..., None]
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.round(rgba[..., :3] * alpha + board * (1 - alpha)).astype(np.uint8)


def tile(rgb: Rgb, width: int, height: int, ground: Colour = "#ffffff") -> Rgb:
    """The picture fitted whole into `width` × `height`, centred on `ground`. Small pictures are enlarged."""
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    fitted = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    result = np.empty((height, width, 3), np.uint8)
    result[:] = rgb_of(ground)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    result[y : y + size[1], x : x + size[0]] = fitted
    return result


def captioned(rgb: Rgb, text: str, *, ink: Colour = "#1f2937", ground: Colour = "#ffffff", size: int = 16) -> Rgb:
    """The picture with one line of text below it, shortened with … where it is too long."""
    strip = Image.new("RGB", (rgb.shape[1], size + size // 2), rgb_of(ground))
    pen, font = ImageDraw.Draw(strip), _font(size)
    room = strip.width - size // 2
    while len(text) > 1 and pen.textlength(text, font=font) > room:
        text = text[:-2].rstrip() + "…"
    pen.text((strip.width / 2, size // 4), text, fill=rgb_of(ink), font=font, anchor="ma")
    return np.vstack([rgb, np.asarray(strip)])


def sheet(rows: Sequence[Sequence[Rgb]], *, gap: int = 12, ground: Colour = "#ffffff") -> Rgb:
    """Tiles in rows joined to one picture, `gap` pixels between and around them; ragged rows are filled up."""
    heights = [max((t.shape[0] for t in row), default=0) for row in rows]
    columns = max((len(row) for row in rows), default=0)
    widths = [max((row[i].shape[1] for row in rows if i < len(row)), default=0) for i in range(columns)]
    result = np.empty((sum(heights) + gap * (len(rows) + 1), sum(widths) + gap * (columns + 1), 3), np.uint8)
    result[:] = rgb_of(ground)
    y = gap
    for row, height in zip(rows, heights, strict=True):
        x = gap
        for piece, width in zip(row, widths, strict=False):
            result[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
            x += width + gap
        y += height + gap
    return result


def _paint(rgb: Rgb, mask: npt.NDArray[np.bool_], colour: tuple[int, int, int], opacity: float, stroke: int) -> None:
    """Blends within the mask's box only: a small object on a large picture costs little."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    if not w:
        return
    inside = mask[y : y + h, x : x + w]
    patch = rgb[y : y + h, x : x + w]
    patch[inside] = np.round(patch[inside] * (1 - opacity) + np.array(colour, np.float32) * opacity).astype(np.uint8)
    if stroke:
        contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
        cv2.drawContours(rgb, contours, -1, colour, stroke, cv2.LINE_AA)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
