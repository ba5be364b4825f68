"""Pictures for training sets: copied or linked byte for byte, written anew where readers would err."""

from __future__ import annotations

import io
import os
import shutil
from contextlib import suppress
from pathlib import Path

from PIL import ExifTags, Image, TiffImagePlugin

from app.formats.base import Item, Setting
from app.formats.staging import storing
from inference.errors import ImageError
from inference.pictures import read_rgb

JPEG_ONLY = frozenset({".jpg", ".jpeg"})
COMMON = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
"""What cv2, Pillow and Qt all open without plug-ins."""

_LOSSY = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".heic", ".heif", ".hif", ".avif"})
_QUALITY = 95


def place_picture(
    setting: Setting, item: Item, stem: str, accepted: frozenset[str] = COMMON, *, applies_exif: bool = False
) -> str | None:
    """Puts a picture into the export.

    Masks are in pixels of the upright picture, and many loaders ignore EXIF's orientation, so a turned picture is
    written upright; so is one in a format outside `accepted`. Both keep their colour profile. All others are copied or
    hard-linked unchanged.

    Args:
        stem: its relative path without suffix.
        applies_exif: the format's tools turn pictures themselves, so turned ones stay as they are.

    Returns:
        Its relative path, or None when pictures are left out.

    Raises:
        ImageError: it cannot be read to its end.
    """
    turned = not applies_exif and is_turned(item.path)
    if setting.options.pictures == "none":
        if turned:
            setting.notes.info(
                item.image_id,
                "The picture is turned by its EXIF tag and masks are upright: read it with the tag applied.",
            )
        return None
    suffix = item.path.suffix.lower()
    if turned or suffix not in accepted:
        return _written_anew(setting, item, stem, accepted, turned=turned)
    read_rgb(item.path, max_side=64)  # a truncated picture is found here, not by someone's training run
    relative = stem + (".jpg" if accepted is JPEG_ONLY else suffix)
    _copy_or_link(setting, item, relative)
    return relative


def is_turned(path: Path) -> bool:
    """Whether EXIF asks viewers to turn or mirror the picture."""
    try:
        with Image.open(path) as picture:
            return picture.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError):
        return False  # a broken EXIF block counts as upright; a broken picture is found when it is read


def _written_anew(setting: Setting, item: Item, stem: str, accepted: frozenset[str], *, turned: bool) -> str:
    rgb = read_rgb(item.path)
    jpeg = item.path.suffix.lower() in _LOSSY or ".png" not in accepted
    profile, depth = _colours(item.path)
    buffer = io.BytesIO()
    if jpeg:
        Image.fromarray(rgb).save(buffer, "JPEG", quality=_QUALITY, subsampling=0, icc_profile=profile)
    else:
        Image.fromarray(rgb).save(buffer, "PNG", icc_profile=profile)
    relative = stem + (".jpg" if jpeg else ".png")
    setting.staging.write_bytes(relative, buffer.getvalue())
    why = "turned upright" if turned else f"{item.path.suffix.lower()} is not read by the tools of this format"
    setting.notes.info(item.image_id, f"The picture was written anew as {'JPEG' if jpeg else 'PNG'} ({why}).")
    if depth > 8:
        setting.notes.loss(item.image_id, f"Its {depth} bits a channel became 8.")
    return relative


def _colours(path: Path) -> tuple[bytes | None, int]:
    """What RGB pixels of a picture need beside them: its colour profile where it is one of RGB, and bits a channel."""
    with suppress(OSError, ValueError, SyntaxError, LookupError, Warning), Image.open(path) as picture:
        profile = picture.info.get("icc_profile")
        fits = isinstance(profile, bytes) and profile[16:20] == b"RGB " and picture.mode in ("RGB", "RGBA", "P")
        return profile if fits else None, _depth(picture, path)
    return None, 8


def _depth(picture: Image.Image, path: Path) -> int:
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return int(max(picture.tag_v2.get(258, (8,))))
    if picture.format == "PNG":
        with path.open("rb") as stream:
            return stream.read(25)[-1]  # of the header, which comes first
    return 8


def _copy_or_link(setting: Setting, item: Item, relative: str) -> None:
    target = setting.staging.place(relative)
    if setting.options.pictures == "link" and _linked(item.path, target):
        return
    try:
        source = item.path.open("rb")
    except OSError as error:
        raise ImageError(
            f"The picture cannot be read ({error.strerror}).", item.path, "Look whether it moved."
        ) from error
    with source, storing(setting.staging.out / relative), target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    with storing(setting.staging.out / relative):
        status = item.path.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # not the rights: a copy may be replaced later


def _linked(source: Path, target: Path) -> bool:
    """Whether a hard link could be made; other disks and some file systems refuse."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        return False
    return True
