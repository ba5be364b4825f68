"""What a sidecar says about its picture's name follows when the two are numbered: labelme's `imagePath`, Pascal VOC's
`<filename>` and `<path>`. Only that name is written anew; every other byte stays."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.sax import saxutils

from inference.pictures import EXTENSIONS

log = logging.getLogger(__name__)

_LARGEST = 256 << 20  # labelme may keep the whole picture inside; what is larger was not written by it
_IMAGE_PATH = re.compile(r'("imagePath"\s*:\s*)("(?:[^"\\]|\\.)*")')
_VOC_NAME = re.compile(r"(<(filename|path)>)([^<]*)(?=</\2>)")
_Named = Callable[[str], str | None]


def renamed(sidecar: Path, old: str, new: str) -> bytes | None:
    """The content of a sidecar with its picture's stem replaced; None when it names no picture of that stem.

    What cannot be read is logged and stays as it is: a name in a sidecar is no reason to leave a picture behind.
    """
    rewrite = {".json": _labelme, ".xml": _voc}.get(sidecar.suffix.lower())
    if rewrite is None or old == new:
        return None
    try:
        if sidecar.is_symlink() or sidecar.stat().st_size > _LARGEST:
            return None
        text = sidecar.read_bytes().decode("utf-8")
        written = rewrite(text, lambda name: _named(name, old, new))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, no JSON
        log.warning("%s was left as it is: %s", sidecar, error)
        return None
    return None if written == text else written.encode("utf-8")


def follow_name(sidecar: Path, old: str, new: str, part: Path) -> None:
    """Has a sidecar that has moved name its picture by the stem that both have now.

    Args:
        part: where the new content is written before it takes the sidecar's place.
    """
    content = renamed(sidecar, old, new)
    if content is None:
        return
    try:
        write_durably(part, content)
        shutil.copystat(sidecar, part)
        part.replace(sidecar)
    except OSError as error:
        part.unlink(missing_ok=True)
        log.warning("%s still names its picture “%s”: %s", sidecar, old, error)


def write_durably(file: Path, content: bytes) -> None:
    """Fills a file, which stays the same one for the disk, and sees to it that it is there after a power cut."""
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _labelme(text: str, named: _Named) -> str:
    written = json.loads(text)
    if not isinstance(written, dict) or not isinstance(written.get("imagePath"), str):
        return text

    def once(found: re.Match[str]) -> str:
        name = named(json.loads(found[2]))
        return found[0] if name is None else found[1] + json.dumps(name, ensure_ascii=found[2].isascii())

    return _IMAGE_PATH.sub(once, text)


def _voc(text: str, named: _Named) -> str:
    if "<annotation" not in text:
        return text

    def once(found: re.Match[str]) -> str:
        name = named(saxutils.unescape(found[3]))
        return found[0] if name is None else found[1] + saxutils.escape(name)

    return _VOC_NAME.sub(once, text)


def _named(name: str, old: str, new: str) -> str | None:
    """A path with its file's stem replaced; None when it is not a picture of that stem."""
    head, slash, file = name.rpartition("\\" if "\\" in name else "/")
    stem, suffix = os.path.splitext(file)  # noqa: PTH122 - of any system
    if stem != old or suffix.lower() not in EXTENSIONS:
        return None
    return f"{head}{slash}{new}{suffix}"
