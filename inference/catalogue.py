"""The models that can be used: the built-in ones, the official ones to download, the person's own. No torch."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from inference import open_clip_names, paths
from inference.errors import ModelError, UnknownModelError
from inference.weights import checks, manifest

STARTER = "starter"
CLASSIFIER = "winnow-clip"
CLIP_CONFIG = "open_clip_config.json"
"""What makes a folder one of open_clip's models."""
_CLIP_TENSORS = {"logit_scale"}  # every model of pictures and words has its temperature
_REINSTALL = "It ships with Winnow: install or check out Winnow again."


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be loaded, downloaded or imported.

    Attributes:
        id: the short name used on the command line and in settings; a path for a file used in place.
        title: the name people see.
        family: which engine runs it ("sam2" for masks, "clip" for pictures and words, "classifier" for fixed classes,
            "detector" for boxes by words).
        size_bytes: about how large the file is; 0 while unknown.
        licence: its SPDX id, or what its owner states; empty when unknown.
        source_url: where it and its terms come from.
        repo: the hub's repository, empty for files that are not downloaded.
        filename: the weights' file name.
        sha256: the pinned hash, None where the hub's own record is the measure.
        description: one sentence for the list.
        builtin: it ships with the program.
        path: the file of an imported model or of one used in place, else None.
        architecture: what the weights were recognised as, for imported models.
        sha256_source: the public page that shows a pinned hash.
        extra: further files that belong to it (a tokenizer), in the same repository.
        open_clip: open_clip's name and tag, "ViT-B-32/openai", for the family "clip".
        zero_shot: published accuracy on ImageNet by the names of its classes alone, 0..1; None where none is known.
        zero_shot_source: the page that says so.
    """

    id: str
    title: str
    family: str = "sam2"
    size_bytes: int = 0
    licence: str = ""
    source_url: str = ""
    repo: str = ""
    filename: str = ""
    sha256: str | None = None
    description: str = ""
    builtin: bool = False
    path: str | None = None
    architecture: str = ""
    sha256_source: str = ""
    extra: tuple[str, ...] = ()
    open_clip: str = ""
    zero_shot: float | None = None
    zero_shot_source: str = ""

    @property
    def downloadable(self) -> bool:
        """It has a place on the hub."""
        return bool(self.repo)


def catalogue(models_dir: str | Path | None = None) -> list[ModelSpec]:
    """Built-in first, then the official models, then the imported ones by title."""
    official = list(_shipped())
    known = {spec.id for spec in official}
    own = [_imported(folder, m) for folder, m in manifest.installed(paths.models_dir(models_dir)) if m.id not in known]
    return official + sorted(own, key=lambda spec: (spec.title.casefold(), spec.id))


def find(model: str | Path, models_dir: str | Path | None = None) -> ModelSpec:
    """The spec of an id, of an open_clip or OpenAI name, or of a weights file or open_clip folder used in place.

    Raises UnknownModelError, with near names, when it is neither.
    """
    wanted = str(model)
    specs = catalogue(models_dir)
    for spec in specs:
        if spec.id == wanted:
            return spec
    pretrained = open_clip_names.find(wanted)
    if pretrained is not None:
        listed = (spec for spec in specs if spec.open_clip == pretrained.spelled and spec.downloadable)
        return next(listed, None) or _of_open_clip(pretrained)
    file = paths.typed(wanted)
    if file.suffix.lower() in checks.SUFFIXES or paths.is_there(file):
        return _in_place(file)
    near = difflib.get_close_matches(wanted.lower(), [spec.id for spec in specs], 3, 0.5)
    advice = f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(spec.id for spec in specs)}."
    trainings = open_clip_names.tags(wanted)
    if trainings:
        advice = f"Name the training too: {', '.join(f'{wanted}/{tag}' for tag in trainings)}."
    raise UnknownModelError(f"No model is called “{wanted}”.", None, f"{advice} A path to a weights file works too.")


def default_classifier(models_dir: str | Path | None = None) -> ModelSpec:
    """The classifier to use when nobody chose one: the best that is installed, by published accuracy; else ours."""
    here = [
        spec
        for spec in catalogue(models_dir)
        if spec.family == "clip" and spec.zero_shot is not None and _is_whole(spec, models_dir)
    ]
    return max(here, key=lambda spec: spec.zero_shot or 0.0, default=find(CLASSIFIER, models_dir))


def installed(spec: ModelSpec, models_dir: str | Path | None = None) -> Path | None:
    """The file of a model when it is there (nothing is verified), else None."""
    file = _file_of(spec, models_dir)
    return file if file is not None and file.is_file() else None


def weights_path(model: str | Path, models_dir: str | Path | None = None) -> Path:
    """The verified file of a model, to be called before it is loaded.

    Downloads and imports are held to the hash in their manifest (hashed once a process); the built-in one and files
    used in place to their own container. Raises ModelError with the remedy when the model is not installed,
    truncated, or changed.
    """
    spec = find(model, models_dir)
    file = _file_of(spec, models_dir)
    if file is None:
        raise ModelError(
            f"{spec.title} is not installed.",
            None,
            f"Download it with `main.py models download {spec.id}` or in the Models workspace.",
        )
    record = None if spec.builtin or file.parent.name != spec.id else manifest.read(file.parent)
    if record is None:
        checks.check_container(file, _REINSTALL if spec.builtin else "Check the path, or fetch the file again.")
    else:
        checks.check_hash(file, record.sha256, record.size, _again(spec))
        for name, entry in record.extra.items():
            checks.check_hash(file.with_name(name), entry["sha256"], entry["size"], _again(spec))
    return file


def record_of(spec: ModelSpec, models_dir: str | Path | None = None) -> manifest.Manifest | None:
    """The manifest of an installed download or import; None for others. ModelError when it is damaged."""
    return None if spec.builtin else manifest.read(paths.models_dir(models_dir) / _folder_name(spec))


def _is_whole(spec: ModelSpec, models_dir: str | Path | None) -> bool:
    """Whether it is installed; a damaged manifest is no reason to fail here."""
    try:
        return installed(spec, models_dir) is not None
    except ModelError:
        return False


def _again(spec: ModelSpec) -> str:
    if spec.downloadable:
        return f"Run `main.py models remove {spec.id}` and `main.py models download {spec.id}`."
    return f"Run `main.py models remove {spec.id}` and import the file again."


def _file_of(spec: ModelSpec, models_dir: str | Path | None) -> Path | None:
    if spec.builtin:
        return paths.checkpoint(spec.filename)
    if spec.path is not None:
        return Path(spec.path)
    folder = paths.models_dir(models_dir) / _folder_name(spec)
    record = manifest.read(folder)
    return folder / record.filename if record is not None else None


def _folder_name(spec: ModelSpec) -> str:
    return Path(spec.id).name


@lru_cache(maxsize=1)
def _shipped() -> tuple[ModelSpec, ...]:
    data: dict[str, Any] = json.loads(paths.resource("models.json").read_text(encoding="utf-8"))
    return tuple(ModelSpec(**{**entry, "extra": tuple(entry.get("extra", ()))}) for entry in data["models"])


def _of_open_clip(found: open_clip_names.Pretrained) -> ModelSpec:
    """A model that open_clip knows and the list does not have."""
    return ModelSpec(
        id=f"{found.name}{open_clip_names.BETWEEN}{found.tag}",
        title=found.spelled,
        family="clip",
        source_url=f"https://huggingface.co/{found.repo}",
        repo=found.repo,
        filename=found.file or open_clip_names.WEIGHTS[0],
        description="A model of open_clip's own list.",
        extra=open_clip_names.TOKENIZER_FILES if found.tokenizer else (),
        open_clip=found.spelled,
    )


def _imported(folder: Path, record: manifest.Manifest) -> ModelSpec:
    return ModelSpec(
        id=record.id,
        title=record.title,
        family=record.family,
        size_bytes=record.size,
        licence=record.licence,
        source_url=record.origin,
        filename=record.filename,
        sha256=record.sha256,
        description=f"Imported {record.installed[:10]} from {record.origin}." if record.origin else "Imported.",
        path=str(folder / record.filename),
        architecture=record.architecture,
        extra=tuple(record.extra),
        open_clip=record.architecture if record.family == "clip" else "",
    )


def _in_place(file: Path) -> ModelSpec:
    """A file or open_clip folder that is loaded from where it lies. ModelError when it is not there."""
    whole, title, family = str(file.resolve()), file.name, "sam2"
    if paths.is_there(file / CLIP_CONFIG):
        file, family = _weights_in(file), "clip"
    elif checks.tensor_names(file) & _CLIP_TENSORS:
        family = "clip"
    try:
        status = file.stat()
    except OSError as error:
        raise checks.unreadable(file, error) from error
    return ModelSpec(
        id=whole,
        title=title,
        family=family,
        size_bytes=status.st_size,
        filename=file.name,
        description="Weights used in place.",
        path=str(file.resolve()),
    )


def _weights_in(folder: Path) -> Path:
    """The weights of a folder in open_clip's layout. ModelError when it has none."""
    for name in (*open_clip_names.WEIGHTS, "model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    raise ModelError(
        "This folder has a configuration, but no weights.", folder, f"Put {open_clip_names.WEIGHTS[0]} in it."
    )
