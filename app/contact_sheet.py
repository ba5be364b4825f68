"""The contact sheet of segmented photographs: `index.png` to look at, `index.html` to walk through. No Qt."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from app import overlays
from inference import pages
from inference.masks import Mask
from inference.prompts import Box, Point, Prompts

Rgb = npt.NDArray[np.uint8]

GROUND, CARD, INK, FAINT = "#0f141b", "#19212c", "#eef2f7", "#8b98a9"
_COLUMNS, _GAP, _PAD, _ROUND = 3, 28, 16, 12
_LARGE, _SMALL = (420, 316), (204, 152)


@dataclass(frozen=True, slots=True)
class View:
    """One mask of a photograph: how it was asked for, painted over it without prompts, score 0..1, and its files."""

    name: str
    painted: Rgb
    prompts: Prompts
    colour: str
    mask: Mask
    score: float
    files: dict[str, Path]


@dataclass(frozen=True, slots=True)
class Card:
    """A photograph on the sheet: title, pixels (H, W, 3), credit, file, and masks (the first is shown large).

    `credit` stands at the foot of the sheet; `source` is the address it links to.
    """

    title: str
    rgb: Rgb
    credit: str
    source: str
    file: Path
    views: tuple[View, ...]


def png(cards: Sequence[Card], title: str, subtitle: str) -> bytes:
    """The sheet as one PNG: cards of a large overlay beside the second overlay and the cut-out."""
    width = _PAD * 2 + _LARGE[0] + 12 + _SMALL[0]
    height = _PAD * 2 + _LARGE[1] + 44
    columns = min(_COLUMNS, max(len(cards), 1))
    rows = -(-len(cards) // columns)
    page = Image.new("RGB", (columns * width + (columns + 1) * _GAP, rows * (height + _GAP) + 132 + 56), GROUND)
    pen = ImageDraw.Draw(page)
    pen.text((_GAP + 2, 28), title, fill=INK, font=_font(40))
    pen.text((_GAP + 4, 82), subtitle, fill=FAINT, font=_font(20))
    for index, card in enumerate(cards):
        x = _GAP + (index % columns) * (width + _GAP)
        y = 132 + (index // columns) * (height + _GAP)
        _draw_card(page, pen, card, x, y, width, height)
    thanks = "Photographs: " + "  ·  ".join(card.credit for card in cards)
    _small_print(page, pen, thanks)
    buffer = io.BytesIO()
    page.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def page(cards: Sequence[Card], title: str, subtitle: str, folder: Path) -> str:
    """The sheet as an HTML page that lies in `folder` and refers to the written files relatively."""
    return pages.page("contact_sheet.html", title, subtitle, cards="\n".join(_figure(card, folder) for card in cards))


def _draw_card(
    page: Image.Image, pen: ImageDraw.ImageDraw, card: Card, x: int, y: int, width: int, height: int
) -> None:
    pen.rounded_rectangle((x, y, x + width, y + height), 18, fill=CARD)
    left, top = x + _PAD, y + _PAD
    right = left + _LARGE[0] + 12
    first, *others = card.views
    _paste(page, _on_blur(first, card.rgb, _LARGE), left, top)
    if others:
        _paste(page, _on_blur(others[0], card.rgb, _SMALL), right, top)
    _paste(page, _cutout_tile(card.rgb, first.mask, _SMALL), right, top + _LARGE[1] - _SMALL[1])
    line = top + _LARGE[1] + 14
    pen.text((left + 2, line), card.title, fill=INK, font=_font(22))
    scores = "   ".join(f"{view.name} {view.score:.2f}" for view in card.views)
    pen.text((x + width - _PAD - 2, line + 3), scores, fill=FAINT, font=_font(17), anchor="ra")


def _on_blur(view: View, rgb: Rgb, size: tuple[int, int]) -> Image.Image:
    """The whole overlay in a tile, its margins filled with the picture itself, blurred and darkened.

    The prompts are drawn at the tile's own scale, so that they can be seen on small tiles.
    """
    width, height = size
    scale = max(width / rgb.shape[1], height / rgb.shape[0])
    cover = cv2.resize(rgb, (max(width, round(rgb.shape[1] * scale)), max(height, round(rgb.shape[0] * scale))))
    y, x = (cover.shape[0] - height) // 2, (cover.shape[1] - width) // 2
    ground = cv2.GaussianBlur(cover[y : y + height, x : x + width], (0, 0), width / 24)
    tile = Image.fromarray(np.round(ground * 0.38).astype(np.uint8))
    fitted = _with_prompts(_fitted(Image.fromarray(view.painted), size), view, rgb.shape[1])
    tile.paste(fitted, ((width - fitted.width) // 2, (height - fitted.height) // 2))
    return tile


def _with_prompts(picture: Image.Image, view: View, width: int) -> Image.Image:
    pixels, scale = np.array(picture), picture.width / width
    box = view.prompts.box
    if box is not None:
        scaled = Box(box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale)
        overlays.draw_box(pixels, scaled.clipped(picture.width, picture.height), view.colour, 2)
    for point in view.prompts.points:
        overlays.draw_point(pixels, Point(point.x * scale, point.y * scale, point.positive), 2)
    return Image.fromarray(pixels)


def _cutout_tile(rgb: Rgb, mask: Mask, size: tuple[int, int]) -> Image.Image:
    """The subject alone, as large as the tile allows, on a checkerboard."""
    x, y, w, h = mask.bbox
    board = Image.fromarray(overlays.on_checkerboard(np.zeros((size[1], size[0], 4), np.uint8), 12))
    if not w:
        return board
    margin = 10
    subject = Image.fromarray(overlays.cutout(rgb, mask)[y : y + h, x : x + w])
    fitted = _fitted(subject, (size[0] - 2 * margin, size[1] - 2 * margin))
    board.paste(fitted, ((size[0] - fitted.width) // 2, (size[1] - fitted.height) // 2), fitted)
    return board


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    scale = min(size[0] / picture.width, size[1] / picture.height)
    wanted = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(wanted, Image.Resampling.LANCZOS)


def _paste(page: Image.Image, tile: Image.Image, x: int, y: int) -> None:
    """Puts a tile on the page with rounded corners (drawn four times as large, for smooth edges)."""
    corners = Image.new("L", (tile.width * 4, tile.height * 4), 0)
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, corners.width - 1, corners.height - 1), _ROUND * 4, fill=255)
    page.paste(tile, (x, y), corners.resize(tile.size, Image.Resampling.LANCZOS))


def _figure(card: Card, folder: Path) -> str:
    def link(path: Path) -> str:
        return html.escape(quote(path.relative_to(folder).as_posix()))

    shots = "".join(
        f'<a class="shot" href="{link(v.files["overlay"])}"><img loading="lazy" src="{link(v.files["overlay"])}" '
        f'alt="{html.escape(card.title)}, segmented from the {html.escape(v.name)}">'
        f'<span class="tag">from the {html.escape(v.name)} <b>{v.score:.2f}</b></span></a>'
        for v in card.views
    )
    cut = card.views[0].files["cutout"]
    masks = " · ".join(f'<a href="{link(v.files["mask"])}">mask ({html.escape(v.name)})</a>' for v in card.views)
    thanks = f'<a href="{html.escape(card.source)}">{html.escape(card.credit)}</a>'
    return (
        f'<article><h2>{html.escape(card.title)}</h2><div class="row">{shots}'
        f'<a class="shot board" href="{link(cut)}"><img loading="lazy" src="{link(cut)}" '
        f'alt="{html.escape(card.title)}, cut out"><span class="tag">cut-out</span></a></div>'
        f'<p><a href="{link(card.file)}">photograph</a> · {masks} · <a href="{link(cut)}">cut-out</a></p>'
        f'<p class="credit">Photograph: {thanks}</p></article>'
    )


def _small_print(page: Image.Image, pen: ImageDraw.ImageDraw, text: str) -> None:
    """The credits at the foot, in as many lines as they need (two have room)."""
    lines, line, font = [], "", _font(15)
    for word in text.split(" "):
        if line and pen.textlength(f"{line} {word}", font=font) > page.width - 2 * _GAP:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    for index, words in enumerate([*lines, line]):
        pen.text((_GAP + 4, page.height - 62 + 22 * index), words, fill=FAINT, font=font)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
