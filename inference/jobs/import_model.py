"""The import job: a person's own checkpoint, recognised, copied and registered."""

from __future__ import annotations

from dataclasses import dataclass

from inference.catalogue import ModelSpec
from inference.protocol import Context


@dataclass(frozen=True, slots=True)
class ImportModelRequest:
    """Register the weights at `path` under `name` (None: the file's) in `models_dir` (None: the usual one)."""

    path: str
    models_dir: str | None = None
    name: str | None = None


def run(request: ImportModelRequest, context: Context) -> ModelSpec:
    """Returns the new model's spec. Raises ModelError, StorageError, UsageError, Cancelled."""
    from inference.weights import library

    context.progress(0, 0, "Recognising the architecture")
    return library.import_file(
        request.path,
        request.models_dir,
        name=request.name,
        progress=lambda done, total: context.progress(done, total, "Copying"),
    )
