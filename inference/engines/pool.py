"""The models and embeddings a worker has at hand. One pool lives on one worker and is used by one job at a time."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference import pictures, warnings_allowed
from inference.catalogue import ModelSpec, find, weights_path
from inference.engines import device as devices
from inference.engines.architecture import load_checkpoint
from inference.engines.cache import DiskCache, MemoryCache
from inference.engines.device import Device
from inference.engines.embedding import Embedding
from inference.engines.segmenter import Segmenter
from inference.errors import ModelError, OutOfMemory

if TYPE_CHECKING:
    from inference.engines.clip import Classifier
    from inference.engines.labeller import Labeller
    from inference.engines.text_segment.grounding import GroundingDino

log = logging.getLogger(__name__)

MIB = 1 << 20
MODELS_AT_ONCE = 2  # of a family: switching back and forth between two models costs nothing

_USES = {
    "sam2": ("masks", "Choose a SAM 2 model or the starter."),
    "clip": ("sorting by words", "Choose a CLIP model or the built-in classifier."),
    "detector": ("finding boxes by words", "Choose GroundingDINO."),
    "classifier": ("sorting into fixed classes", "Choose one that `main.py train classifier` made."),
}


class Origin(StrEnum):
    """Where an embedding came from."""

    MEMORY = "memory"
    DISK = "disk"
    ENCODED = "encoded"


@dataclass(frozen=True, eq=False)
class Found:
    """An embedding and where it was found."""

    embedding: Embedding
    origin: Origin

    @property
    def from_cache(self) -> bool:
        return self.origin is not Origin.ENCODED


@dataclass(frozen=True, eq=False)
class _Loaded:
    engine: Any  # a Segmenter, a Classifier, a Labeller, a GroundingDino: what `_load` builds for the family
    checksum: str
    family: str


class ModelPool:
    """Loads each model once and keeps embeddings in memory and, when asked to, on disk.

    Models of all families share the memory: when one does not fit, the others make room, and the call is tried again.

    Args:
        models_dir: where downloaded weights are; None for the default place.
        force_device: see `device.choose`.
        cache_bytes: limit of the embeddings in memory.
        disk_cache_dir: where embeddings outlive the program; None for nowhere.
        disk_cache_bytes: limit of that folder.
        precision: see `device.choose`.
        clip_device: where models of words and pictures run, when that is not `force_device`.

    Raises:
        UsageError: a forced device is not here.
    """

    def __init__(
        self,
        models_dir: str | Path | None = None,
        force_device: str | None = None,
        cache_bytes: int = 1024 * MIB,
        disk_cache_dir: str | Path | None = None,
        disk_cache_bytes: int = 4096 * MIB,
        precision: str | None = None,
        clip_device: str | None = None,
    ) -> None:
        devices.prepare_environment()
        warnings_allowed.allow()
        self._models_dir = models_dir
        self._chosen = devices.choose(force_device, precision)
        self._for_clip = devices.choose(clip_device, precision) if clip_device else self._chosen
        devices.apply(self._chosen)
        self._loaded: OrderedDict[tuple[str, str], _Loaded] = OrderedDict()
        self._memory = MemoryCache(cache_bytes)
        stored = disk_cache_dir is not None and disk_cache_bytes > 0
        self._disk = DiskCache(Path(disk_cache_dir), disk_cache_bytes) if stored and disk_cache_dir else None

    @property
    def device(self) -> Device:
        """Where models run: the chosen device, or the CPU once a model had to move there."""
        moved = [
            one.engine.device for one in self._loaded.values() if one.engine.device.kind != self._place(one.family).kind
        ]
        return moved[-1] if moved else self._chosen

    @property
    def cached_bytes(self) -> int:
        """What the embeddings in memory take."""
        return self._memory.nbytes

    def segmenter(self, model_id: str) -> Segmenter:
        """The model, loaded at the first call. ModelError or OutOfMemory when that fails; nothing stays behind then."""
        segmenter: Segmenter = self._model(model_id).engine
        return segmenter

    def classifier(self, model_id: str) -> Classifier:
        """A model of pictures and words, by id, open_clip's or OpenAI's name, or path. Raises as `segmenter`."""
        classifier: Classifier = self._model(model_id, "clip").engine
        return classifier

    def labeller(self, model_id: str) -> Labeller:
        """A classifier that was trained on folders, by id or file. Raises as `segmenter`."""
        labeller: Labeller = self._model(model_id, "classifier").engine
        return labeller

    def detector(self, model_id: str) -> GroundingDino:
        """A model that finds boxes by words, by id. Raises as `segmenter`, and where `transformers` is missing."""
        detector: GroundingDino = self._model(model_id, "detector").engine
        return detector

    def is_loaded(self, model_id: str, family: str = "sam2") -> bool:
        return (family, model_id) in self._loaded

    def embedding(self, model_id: str, path: str | Path) -> Embedding:
        """The embedding of a picture: from memory, from disk, or made now. ImageError, ModelError, OutOfMemory."""
        return self.find(model_id, path).embedding

    def find(
        self,
        model_id: str,
        path: str | Path,
        before_encoding: Callable[[], None] | None = None,
        keep: bool = True,
    ) -> Found:
        """As `embedding`, and tells where it was.

        Args:
            before_encoding: called between the reading of the picture and its encoding, where a job can still be
                stopped or give way.
            keep: False for pictures nobody will come back to soon (batches): they push nothing out of the caches.
        """
        model = self._model(model_id)
        key = f"{pictures.content_key(path)}-{model.checksum}-{model.engine.device.precision}"
        held = self._memory.get(key)
        if held is not None:
            return Found(held, Origin.MEMORY)
        stored = self._disk.get(key) if self._disk else None
        if stored is not None:
            self._memory.put(key, stored)
            return Found(stored, Origin.DISK)
        rgb = pictures.read_rgb(path)
        if before_encoding is not None:
            before_encoding()
            held = self._memory.get(key)  # a more urgent job that ran just now may have wanted the same picture
            if held is not None:
                return Found(held, Origin.MEMORY)
        embedding = self._encoded(model.engine, rgb)
        if keep:
            self._memory.put(key, embedding)
            if self._disk:
                self._disk.put(key, embedding)
        return Found(embedding, Origin.ENCODED)

    def release(self) -> None:
        """Frees all models and embeddings in memory; the next call loads anew."""
        self._memory.clear()
        for one in self._loaded.values():
            one.engine.release()
        self._loaded.clear()
        self._free()

    def _encoded(self, segmenter: Segmenter, rgb: Any) -> Embedding:
        """Encodes; short of memory once more with the cached embeddings gone. Kept in main memory, not on the card."""
        try:
            return segmenter.encode(rgb).to("cpu")
        except OutOfMemory:
            if not len(self._memory):
                raise
        self._memory.clear()
        return segmenter.encode(rgb).to("cpu")

    def _model(self, model_id: str, family: str = "sam2") -> _Loaded:
        key = (family, model_id)
        found = self._loaded.get(key)
        if found is None:
            found = self._load(model_id, family)
            self._loaded[key] = found
            of_family = [other for other in self._loaded if other[0] == family]
            for dropped in of_family[: max(len(of_family) - MODELS_AT_ONCE, 0)]:
                self._loaded.pop(dropped).engine.release()
        self._loaded.move_to_end(key)
        return found

    def _load(self, model_id: str, family: str) -> _Loaded:
        spec = find(model_id, self._models_dir)
        if not _can_be(spec, family):
            raise ModelError(f"{spec.title} is no model for {_USES[family][0]}.", remedy=_USES[family][1])
        path = weights_path(model_id, self._models_dir)
        for others_are_loaded in (bool(self._loaded), False):
            try:
                engine = self._build(spec, path, family)
                break
            except Exception as error:
                self._free()
                if not devices.is_out_of_memory(error) and not isinstance(error, OutOfMemory):
                    raise
            if not others_are_loaded:
                raise OutOfMemory(
                    f"{spec.title} does not fit into memory.", path, "Close other programs, or choose a smaller model."
                )
            log.info("%s is short of memory: the other models make room", spec.title)
            self.release()
        log.info("loaded %s on %s (%s)", model_id, engine.device.name, engine.device.reason)
        return _Loaded(engine, pictures.content_key(path), family)

    def _place(self, family: str) -> Device:
        return self._for_clip if family == "clip" else self._chosen

    def _free(self) -> None:
        """Gives cached blocks back, on every device in use."""
        for device in {self._chosen.torch_name: self._chosen, self._for_clip.torch_name: self._for_clip}.values():
            devices.release_memory(device)

    def _build(self, spec: ModelSpec, path: Path, family: str) -> Any:
        """The engine of a verified file. Each family brings its library when it is first asked for."""
        if family == "clip":
            from inference.engines.clip_load import load_classifier

            return load_classifier(spec, path, pictures.content_key(path), self._place(family))
        if family == "detector":
            from inference.engines.text_segment import grounding

            return grounding.load(path, self._place(family))
        if family == "classifier":
            from inference.engines.classifier_checkpoint import load_classifier as load_trained
            from inference.engines.labeller import Labeller

            trained, arch, _ = load_trained(path)
            key = pictures.content_key(path)
            return Labeller(trained, arch, id=spec.id, title=spec.title, checksum=key, device=self._place(family))
        model, config = load_checkpoint(path)
        return Segmenter(model, config, self._place(family))


def _can_be(spec: ModelSpec, family: str) -> bool:
    """Whether a model is of a family. What a bare file holds is only known when it is loaded."""
    return spec.family == family or (spec.path is not None and Path(spec.path) == Path(spec.id))
