"""The download job: weights from the hub into the models folder, beside the models' worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from inference import catalogue, paths
from inference.protocol import Context, Lane


@dataclass(frozen=True)
class DownloadRequest:
    """Fetch and install a catalogue model. Progress counts bytes.

    Attributes:
        model_id: its id in the catalogue.
        models_dir: where to put it; the usual folder when None.
    """

    model_id: str
    models_dir: str | None = None
    lane: ClassVar[Lane] = "network"


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """An installed model: its id and verified file, and the hub's commit and SHA-256 that later loads are held to."""

    model_id: str
    path: str
    size: int
    sha256: str
    commit: str


def run(request: DownloadRequest, context: Context) -> DownloadResult:
    """Goes on where an earlier try ended, verifies, installs. Raises DownloadError, StorageError, Cancelled."""
    from inference.weights import hub

    models_dir = paths.models_dir(request.models_dir)
    spec = catalogue.find(request.model_id, models_dir)
    path = hub.download(spec, models_dir, lambda done, total, message: context.progress(done, total, message))
    record = catalogue.record_of(spec, models_dir)
    assert record is not None  # just installed
    return DownloadResult(spec.id, str(path), record.size, record.sha256, record.commit)
