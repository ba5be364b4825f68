"""Reading pictures: any listed format and pixel type, upright, as RGB. No torch, no Qt.

Pictures come from strangers, so only listed formats are opened, the pixel limit is checked against the header before
anything is decoded, and whatever a decoder throws at a broken file becomes an `ImageError` naming that file.
"""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import os
import stat
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from inference.errors import AppError, ImageError, OutOfMemory

log = logging.getLogger(__name__)

RGBArray = npt.NDArray[np.uint8]

EXTENSIONS = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff"),
        *(".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".avif"),
    )
)
"""Suffixes (lower case, with dot) of the files that are taken for pictures."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "HEIF", "AVIF")
DEFAULT_MAX_PIXELS = 500_000_000
LIMIT_VARIABLE = "WINNOW_MAX_MEGAPIXELS"

_LISTED = "Use JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF."
_BROKEN = "Restore the file from a backup or save it anew with another program."
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
# What Pillow and its decoders raise on broken files; its plug-ins promise nothing narrower.
_DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, LookupError, TypeError, AttributeError, ArithmeticError,
    RuntimeError, cv2.error,
)  # fmt: skip


def set_max_pixels(limit: int) -> None:
    """Sets the largest picture (width × height) that is opened, here and wherever Pillow is used in this process."""
    if limit < 1:
        raise ValueError("the pixel limit is at least 1")
    Image.MAX_IMAGE_PIXELS = limit
    # Pillow only warns between one and two times its limit; for us the limit is the limit.
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def default_max_pixels() -> int:
    """The limit where no setting speaks, as on the command line: `WINNOW_MAX_MEGAPIXELS`, else 500 megapixels."""
    wish = os.environ.get(LIMIT_VARIABLE, "")
    if wish.isdecimal() and int(wish) > 0:
        return int(wish) * 1_000_000
    if wish:
        log.warning("%s=%s is no number of megapixels and is passed over", LIMIT_VARIABLE, wish)
    return DEFAULT_MAX_PIXELS


set_max_pixels(default_max_pixels())


def read_rgb(path: str | Path, max_side: int | None = None, draft: int | None = None) -> RGBArray:
    """Reads a picture.

    Args:
        path: the file. Of several frames or pages the first is read.
        max_side: when given, the picture is made smaller so that no side is longer; JPEGs are then decoded at a
            fraction of their size, which is many times faster. Never enlarges.
        draft: when given, a JPEG may come at a half, a quarter or an eighth of its size, as long as no side gets
            shorter than this; other formats come as they are.

    Returns:
        (H, W, 3) uint8, upright (EXIF orientation applied), transparent parts over white. 16- and 32-bit grey is
        stretched from its darkest to its brightest value.

    Raises:
        ImageError: missing, unreadable, empty, truncated, over the pixel limit, or not a listed format.
        OutOfMemory: the picture does not fit into memory.
    """
    try:
        picture = _open(path)
        if picture is None:
            pixels = _read_deep_tiff(path)
            return pixels if max_side is None else _shrunk_array(pixels, max_side)
        with picture:
            return np.array(_decoded(picture, path, max_side, draft))
    except AppError:
        raise
    except MemoryError:
        raise OutOfMemory(
            "The picture does not fit into memory.", path, "Close other programs or make the picture smaller."
        ) from None
    except _DECODER_ERRORS as error:
        raise _broken(path, error) from error


def read_rgb_bytes(data: bytes, name: str, max_side: int | None = None) -> RGBArray:
    """A picture that is in memory, as from a zip; `name` is what errors call it. Otherwise as `read_rgb`."""
    _register_heif()
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            return np.array(_decoded(picture, name, max_side))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise ImageError("This is not a picture in a format that Winnow reads.", name, _LISTED) from error
    except MemoryError:
        raise OutOfMemory(
            "The picture does not fit into memory.", name, "Close other programs or make the picture smaller."
        ) from None
    except _DECODER_ERRORS as error:
        raise _broken(name, error) from error


def read_strips(path: str | Path, rows: int = 64) -> Iterator[RGBArray]:
    """The picture as `read_rgb` gives it, from the top in strips of `rows` rows: without a second copy of a large
    picture in memory, and without keeping other threads from running while that copy is made. Raises as `read_rgb`."""
    try:
        picture = _open(path)
        if picture is None:
            pixels = _read_deep_tiff(path)
            yield from (pixels[top : top + rows] for top in range(0, pixels.shape[0], rows))
            return
        with picture:
            rgb = _decoded(picture, path, None)
            for top in range(0, rgb.height, rows):
                yield np.array(rgb.crop((0, top, rgb.width, min(top + rows, rgb.height))))
    except AppError:
        raise
    except MemoryError:
        raise OutOfMemory(
            "The picture does not fit into memory.", path, "Close other programs or make the picture smaller."
        ) from None
    except _DECODER_ERRORS as error:
        raise _broken(path, error) from error


def read_size(path: str | Path) -> tuple[int, int]:
    """(width, height) of the upright picture, from its header only. Raises ImageError as `read_rgb` does."""
    try:
        picture = _open(path)
        if picture is None:
            return _tiff_size(path)
        with picture:
            width, height = _stored_size(picture)
            return (height, width) if _orientation(picture, path) in _TURNED else (width, height)
    except AppError:
        raise
    except _DECODER_ERRORS as error:
        raise _broken(path, error) from error


def content_key(path: str | Path) -> str:
    """A name for the bytes of a file (blake2b, 40 hex digits): equal files have equal keys wherever they are.

    Remembered by path, size and time of change, so asking again costs one `stat`. ImageError when unreadable.
    """
    file = Path(path)
    try:
        status = _status(file)
        return _digest(str(file), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise _unreadable(path, error) from error


def _status(file: Path) -> os.stat_result:
    """Size and time of a file. Pipes and devices are refused: reading them may never end."""
    status = file.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise ImageError("This is a pipe or a device, not a picture.", file, "Choose a file.")
    return status


@functools.lru_cache(maxsize=65536)
def _digest(path: str, _size: int, _mtime_ns: int) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


@functools.cache
def _register_heif() -> None:
    import pillow_heif  # only when a picture is opened: it loads a codec library

    pillow_heif.register_heif_opener()


def _open(path: str | Path) -> Image.Image | None:
    """The picture with its header read, or None for a TIFF of samples that Pillow does not know."""
    _register_heif()
    file = Path(path)
    try:
        if not _status(file).st_size:
            raise ImageError("The file is empty.", path, "Copy it again from where it came from.")
        return Image.open(file, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path) from error
    except UnidentifiedImageError as error:
        if _is_tiff(file):
            return None
        raise ImageError("This is not a picture in a format that Winnow reads.", path, _LISTED) from error
    except OSError as error:
        raise _unreadable(path, error) if error.errno else _broken(path, error) from error


def _stored_size(picture: Image.Image) -> tuple[int, int]:
    """Before any turning. Pillow's TIFFs give the size after it (and turn themselves while they load)."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return int(picture.tag_v2[256]), int(picture.tag_v2[257])
    return picture.size


def _decoded(picture: Image.Image, path: str | Path, max_side: int | None, draft: int | None = None) -> Image.Image:
    if max_side is not None or draft is not None:
        side = max(max_side or 0, draft or 0)
        picture.draft("RGB", (side, side))
    picture.load()
    orientation = _orientation(picture, path)
    if max_side is not None and picture.mode in ("L", "RGB", "CMYK", "YCbCr"):
        picture.thumbnail((max_side, max_side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    rgb = _as_rgb(picture)
    if max_side is not None:
        rgb.thumbnail((max_side, max_side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    turn = _TRANSPOSE.get(orientation)
    return rgb if turn is None else rgb.transpose(turn)


_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(picture: Image.Image, path: str | Path) -> int:
    """EXIF's orientation, 1..8; a broken EXIF block counts as upright, as in every viewer."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except (*_DECODER_ERRORS, Warning) as error:
        log.info("%s: its EXIF block cannot be read (%s); taken as upright", path, error)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode in _DEEP_MODES:
        return Image.fromarray(_stretched(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return picture.convert("RGB")


def _stretched(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Deep samples as 8 bits: the finite range laid over 0..255. Values that fit 8 bits stay as they are."""
    samples = values.astype(np.float32)
    finite = np.isfinite(samples)
    if not finite.any():
        return np.zeros(samples.shape, np.uint8)
    low, high = float(samples[finite].min()), float(samples[finite].max())
    if np.issubdtype(values.dtype, np.integer) and low >= 0 and high <= 255:
        return values.astype(np.uint8)
    samples = np.where(finite, samples, low)
    return np.rint((samples - low) * (255.0 / (high - low) if high > low else 0.0)).astype(np.uint8)


def _is_tiff(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) in (b"II*\0", b"MM\0*")


def _tiff_size(path: str | Path) -> tuple[int, int]:
    with Path(path).open("rb") as stream:
        directory = TiffImagePlugin.ImageFileDirectory_v2(stream.read(8))
        stream.seek(directory.next)
        directory.load(stream)
    width, height = int(directory[256]), int(directory[257])
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise _too_large(path)
    return (height, width) if directory.get(274, 1) in _TURNED else (width, height)


def _read_deep_tiff(path: str | Path) -> RGBArray:
    """TIFFs of several deep samples a pixel (32-bit RGB and the like), which Pillow refuses, through OpenCV."""
    size = _tiff_size(path)
    raw = np.fromfile(path, np.uint8)  # not cv2.imread: it cannot open every path on Windows
    pixels = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ImageError("This kind of TIFF is not supported.", path, "Save it with 8 or 16 bits a channel.")
    if pixels.shape[:2] != (size[1], size[0]):
        raise ImageError("The TIFF's header does not fit its content.", path, _BROKEN)
    grey_or_bgr = _stretched(pixels)
    channels = 1 if grey_or_bgr.ndim == 2 else grey_or_bgr.shape[2]
    code = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}.get(channels)
    if code is None:
        raise ImageError(f"A TIFF of {channels} channels is not supported.", path, "Save it as RGB or grey.")
    return np.asarray(cv2.cvtColor(grey_or_bgr, code), np.uint8)


def _shrunk_array(pixels: RGBArray, max_side: int) -> RGBArray:
    picture = ImageOps.contain(Image.fromarray(pixels), (max_side, max_side))
    return np.array(picture) if max(pixels.shape[:2]) > max_side else pixels


def _too_large(path: str | Path) -> ImageError:
    limit = Image.MAX_IMAGE_PIXELS or 0
    return ImageError(
        f"The picture has more than {limit / 1e6:,.0f} million pixels, the limit that is set.",
        path,
        f"Make it smaller, or, if you trust it, raise the limit in the settings or with {LIMIT_VARIABLE}.",
    )


def _unreadable(path: str | Path, error: OSError) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageError("The picture is not there.", path, "Look whether it was moved, renamed or removed.")
    if isinstance(error, IsADirectoryError) or Path(path).is_dir():
        return ImageError("This is a folder, not a picture.", path, "Choose a file in it.")
    if isinstance(error, PermissionError):
        return ImageError("The picture may not be read.", path, "Change the permissions of the file.")
    return ImageError(f"The picture cannot be read ({error.strerror}).", path, "Look after the disk it is on.")


def _broken(path: str | Path, error: BaseException) -> ImageError:
    log.info("%s: %s: %s", path, type(error).__name__, error)
    return ImageError(f"The picture is damaged ({error}).", path, _BROKEN)
