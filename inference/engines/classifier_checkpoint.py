"""Trained classifiers on disk: safetensors (float16) with what is needed to build the model in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.engines.checkpoint import CARD_KEY, save_weights
from inference.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    from inference.engines.classifier_model import ClassifierArch

CLASSIFIER_KEY = "winnow_classifier"


def is_classifier(path: str | Path) -> bool:
    """Whether a file says that it is a classifier of ours. Reads the header only; False for what cannot be read."""
    from safetensors import SafetensorError, safe_open

    if Path(path).suffix.lower() != ".safetensors":
        return False
    try:
        with safe_open(str(path), framework="numpy") as file:
            return CLASSIFIER_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def save_classifier(
    model: nn.Module, arch: ClassifierArch, path: str | Path, card: Mapping[str, Any] | None = None
) -> Path:
    """Beside first, then renamed. StorageError when it cannot be written."""
    return save_weights(model, {CLASSIFIER_KEY: arch.to_json(), CARD_KEY: json.dumps(dict(card or {}))}, path)


def load_classifier(path: str | Path) -> tuple[nn.Module, ClassifierArch, dict[str, Any]]:
    """The model (eval mode, float32, CPU), what it is, and its card. ModelError naming the file and what to do."""
    from safetensors import SafetensorError, safe_open

    from inference.engines.classifier_model import ClassifierArch, build_classifier

    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if CLASSIFIER_KEY not in metadata:
                raise ModelError("This is no classifier.", path, "Use one that `main.py train classifier` wrote.")
            arch = ClassifierArch.from_json(metadata[CLASSIFIER_KEY])
            card = json.loads(metadata.get(CARD_KEY, "{}"))
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise ModelError("The classifier is missing or damaged.", path, "Copy it again, or train it anew.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"The file describes a classifier that cannot be built: {error}.", path, "Update Winnow."
        ) from error
    try:
        model = build_classifier(arch)
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except ModelError as error:
        raise ModelError(error.message, path, error.remedy) from error
    except RuntimeError as error:
        raise ModelError(f"The weights do not fit {arch.name}: {str(error)[:200]}.", path, "Train it anew.") from error
    return model.eval(), arch, card if isinstance(card, dict) else {}
