"""The person's own side of the models folder: verify, import a checkpoint, remove. No torch at the top."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from inference import catalogue, paths
from inference.catalogue import ModelSpec
from inference.errors import ModelError, StorageError, UsageError
from inference.paths import is_there
from inference.weights import checks, manifest
from inference.weights.quiet import silent

Told = Callable[[int, int], None]


def verify(spec: ModelSpec, models_dir: str | Path | None = None, progress: Told = silent) -> str:
    """Reads the whole file of an installed model and returns its SHA-256 (hex).

    `progress` is told (bytes read, bytes in all) and may raise to stop. Raises ModelError when the model is not
    installed, cannot be read, is truncated, or differs from its manifest.
    """
    file = catalogue.installed(spec, models_dir)
    if file is None:
        file = catalogue.weights_path(spec.id, models_dir)  # raises, naming the remedy
    record = catalogue.record_of(spec, models_dir) if spec.id == file.parent.name else None
    if record is None:
        checks.check_container(file)
    total = file.stat().st_size
    digest = checks.sha256_of(file, lambda done: progress(done, total))
    if record is not None and (record.sha256, record.size) != (digest, total):
        raise ModelError(
            f"The file is not the one that was installed (SHA-256 {digest[:12]}… instead of {record.sha256[:12]}…).",
            file,
            f"Run `main.py models remove {spec.id}` and fetch it again.",
        )
    for name, entry in record.extra.items() if record is not None else ():
        checks.check_hash(file.with_name(name), entry["sha256"], entry["size"], "Remove the model and fetch it again.")
    return digest


def import_file(
    path: str | Path,
    models_dir: str | Path | None = None,
    *,
    name: str | None = None,
    progress: Told = silent,
) -> ModelSpec:
    """Copies a person's own checkpoint into the models folder and returns its spec.

    The architecture is recognised from the weights and the model is built once, so that what is listed can be loaded.
    A file that was imported before (same content) is not copied twice. Loads torch.

    Raises ModelError for a file that is missing, truncated, holds code, or is of an unknown architecture;
    StorageError when it cannot be copied; UsageError for a name that is taken.
    """
    source, target_dir = paths.typed(path), paths.models_dir(models_dir)
    checks.check_container(source)
    family, architecture = _recognised(source)
    size = source.stat().st_size
    digest = checks.sha256_of(source, lambda done: progress(done, 2 * size))
    for folder, record in manifest.installed(target_dir):
        if record.sha256 == digest and (folder / record.filename).is_file():
            return catalogue.find(record.id, target_dir)
    model_id = _free_id(name or source.stem, target_dir, exact=name is not None)
    with manifest.installing(target_dir, model_id) as scratch:
        try:
            copied = _copy(source, scratch / source.name, lambda done: progress(size + done, 2 * size))
        except OSError as error:
            raise _copy_failed(source, target_dir, error) from error
        if copied != size or checks.sha256_of(scratch / source.name) != digest:
            raise ModelError("The file changed while it was copied.", source, "Import it again when it is finished.")
        manifest.write(
            scratch,
            manifest.Manifest(
                id=model_id,
                filename=source.name,
                size=size,
                sha256=digest,
                source="import",
                title=name or source.stem,
                family=family,
                origin=str(source.resolve()),
                architecture=architecture,
                installed=manifest.now(),
            ),
        )
    return catalogue.find(model_id, target_dir)


def remove(spec: ModelSpec, models_dir: str | Path | None = None) -> int:
    """Deletes an installed model (and what an unfinished download left); returns the bytes given back.

    Raises UsageError for the built-in model, for files used in place, and when nothing is there.
    """
    if spec.builtin:
        raise UsageError(f"{spec.title} ships with Winnow and cannot be removed.")
    root = paths.models_dir(models_dir)
    folder = root / Path(spec.id).name
    if spec.path is not None and Path(spec.path).parent != folder:
        raise UsageError("This file is used in place and is not Winnow's to delete.", spec.path, "Delete it yourself.")
    doomed = [folder] if folder.is_dir() else []
    doomed += sorted((root / manifest.INCOMING).glob(f"{folder.name}.*.part"))
    if not doomed:
        raise UsageError(f"{spec.title} is not installed.", None, "See `main.py models list`.")
    freed = sum(f.stat().st_size for d in doomed for f in ([d] if d.is_file() else d.rglob("*")) if f.is_file())
    for item in doomed:
        try:
            shutil.rmtree(item) if item.is_dir() else item.unlink()
        except OSError as error:
            raise StorageError(
                f"The model cannot be removed ({error.strerror or error}).", item, "Close other windows that use it."
            ) from error
    return freed


def _recognised(source: Path) -> tuple[str, str]:
    """The family and a line about the architecture; raises ModelError when the weights fit none. Loads torch."""
    from inference.engines.checkpoint import load_checkpoint
    from inference.engines.classifier_checkpoint import is_classifier, load_classifier

    if is_classifier(source):
        _, arch, _ = load_classifier(source)
        return "classifier", f"{arch.name}, {len(arch.classes)} classes, {arch.image_size} px"
    if catalogue.find(source).family == "clip":
        return "clip", _open_clip(source)
    try:
        _, config = load_checkpoint(source)
    except ModelError:
        if source.suffix.lower() == ".safetensors":  # its header would have told a model of pictures and words
            raise
        try:
            return "clip", _open_clip(source)
        except ModelError:
            pass
        raise
    return "sam2", f"{config.name}, {config.image_size} px"


def _open_clip(source: Path) -> str:
    from inference.engines.clip_load import tried

    return tried(source)


def _free_id(name: str, models_dir: Path, *, exact: bool) -> str:
    """A folder name made of `name`: lower case letters, digits, dots and dashes, not yet taken."""
    slug = re.sub(r"[^\w.]+", "-", name.lower()).strip("-._") or "model"
    taken = {spec.id for spec in catalogue.catalogue(models_dir)} | {p.name for p in _children(models_dir)}
    if slug not in taken:
        return slug
    if exact:
        raise UsageError(
            f"A model called “{slug}” is there already.", None, "Choose another --name or remove that one."
        )
    return next(free for n in range(2, len(taken) + 3) if (free := f"{slug}-{n}") not in taken)


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if is_there(folder) and folder.is_dir() else []


def _copy(source: Path, target: Path, progress: Callable[[int], None]) -> int:
    done = 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(1 << 20):
            writer.write(chunk)
            done += len(chunk)
            progress(done)
    return done


def _copy_failed(source: Path, models_dir: Path, error: OSError) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return StorageError(
            f"The disk is full: {source.name} does not fit. Nothing was imported.",
            models_dir,
            "Free some space, or choose another folder with --models-dir or WINNOW_MODELS_DIR.",
        )
    return manifest.unwritable(models_dir, error)
