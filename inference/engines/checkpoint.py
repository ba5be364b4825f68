"""Weights on disk: Winnow's safetensors (float16, the config in the metadata) and the official SAM 2 `.pt` files."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import ModelError, StorageError

if TYPE_CHECKING:
    import torch
    from sam2.modeling.sam2_base import SAM2Base
    from torch import nn

    from inference.engines.architecture import ArchConfig

CONFIG_KEY = "winnow_config"
CARD_KEY = "winnow_card"
PREFIXES = ("module.", "model.", "sam2.", "_orig_mod.")
# embed_dim of the trunk and its number of blocks, as the yaml files of the sam2 package have them.
HIERA = {(96, 12): "tiny", (96, 16): "small", (112, 24): "base-plus", (144, 48): "large"}


def load_checkpoint(path: str | Path) -> tuple[SAM2Base, ArchConfig]:
    """Builds the model a file holds and loads its weights (eval mode, float32, CPU).

    Takes Winnow's safetensors, the official `.pt` files and fine-tuned ones with the same shapes. Pickles load with
    `weights_only=True`: a file cannot run code. Raises ModelError naming the file and what to do.
    """
    from inference.engines.architecture import build_model

    state, config = read_checkpoint(path)
    try:
        model = build_model(config)
    except ModelError as error:
        raise ModelError(error.message, path, error.remedy or "Use another checkpoint.") from error
    except (ValueError, TypeError, ArithmeticError, LookupError, AssertionError) as error:
        raise ModelError(
            f"The checkpoint describes a model that cannot be built: {error}.", path, "Update Winnow."
        ) from error
    wrong = _misfits(model.state_dict(), state)
    if wrong:
        raise ModelError(
            f"These weights do not fit {config.name}: {wrong}.",
            path,
            "Download or export the checkpoint again; a file of another model cannot be used here.",
        )
    model.load_state_dict({k: state[k].float() for k in model.state_dict()})
    return model, config


def read_checkpoint(path: str | Path) -> tuple[dict[str, torch.Tensor], ArchConfig]:
    """The plain state dict of a file and the architecture it belongs to. ModelError as in `load_checkpoint`."""
    from inference.engines.architecture import ArchConfig

    file = Path(path)
    if not file.is_file():
        raise ModelError("There is no such checkpoint file.", path, "Check the path, or download the model again.")
    if file.stat().st_size == 0:
        raise ModelError("The checkpoint file is empty.", path, "Download or copy it again.")
    if file.suffix == ".safetensors":
        state, metadata = _read_safetensors(file)
        if CONFIG_KEY in metadata:
            try:
                return plain(state), ArchConfig.from_json(metadata[CONFIG_KEY])
            except (ValueError, TypeError) as error:
                raise ModelError(
                    f"The checkpoint describes a model that cannot be built: {error}.", path, "Update Winnow."
                ) from error
    else:
        state = _read_pickle(file)
    state = plain(state)
    return state, recognise(state, path)


def recognise(source: Mapping[str, Any] | str | Path, path: str | Path | None = None) -> ArchConfig:
    """Tells the architecture from the weights.

    Args:
        source: a state dict (plain or with a common prefix, or under "model"), or a checkpoint file.
        path: the file to name in errors when `source` is a state dict.

    Raises:
        ModelError: the weights are not those of a SAM 2 model that can be built.
    """
    from inference.engines.architecture import configs

    if isinstance(source, (str, Path)):
        return read_checkpoint(source)[1]
    state = plain(source)
    embed = state.get("image_encoder.trunk.patch_embed.proj.weight")
    numbers = (k.split(".")[3] for k in state if k.startswith("image_encoder.trunk.blocks."))
    blocks = [int(n) for n in numbers if n.isdecimal()]
    size = HIERA.get((embed.shape[0], max(blocks) + 1)) if embed is not None and blocks else None
    if size is None or "sam_mask_decoder.mask_tokens.weight" not in state:
        raise ModelError(
            _foreign(state),
            path,
            "Use a SAM 2 or SAM 2.1 checkpoint (tiny, small, base+, large) or one that Winnow trained.",
        )
    newer = "no_obj_embed_spatial" in state or any(k.startswith("obj_ptr_tpos_proj") for k in state)
    return configs[f"sam2{'.1' if newer else ''}-{size}"]


def save_checkpoint(
    model: SAM2Base, config: ArchConfig, path: str | Path, card: Mapping[str, Any] | None = None, half: bool = True
) -> Path:
    """Writes safetensors with the config (and a short card) in the metadata; beside first, then renamed.

    Args:
        half: float16 weights; False keeps float32.

    Raises:
        StorageError: the file cannot be written.
    """
    metadata = {CONFIG_KEY: config.to_json()}
    if card:
        metadata[CARD_KEY] = json.dumps(dict(card))
    return save_weights(model, metadata, path, half=half)


def save_weights(model: nn.Module, metadata: Mapping[str, str], path: str | Path, *, half: bool = True) -> Path:
    """Writes a model's weights as safetensors (float16 unless `half` is False), beside first, then renamed.

    Raises StorageError when the file cannot be written; nothing of it stays.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = {
        k: (v.half() if half and v.dtype == torch.float32 else v).detach().cpu().contiguous().clone()
        for k, v in model.state_dict().items()
    }
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save_file(state, str(beside), metadata={"format": "pt", **metadata})
        beside.chmod(0o644)  # safetensors makes it readable by its owner only
        beside.replace(target)
    except (OSError, SafetensorError) as error:  # safetensors reports a full disk as its own error
        if beside.parent.is_dir():
            beside.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or error
        raise StorageError(
            f"The weights could not be written: {why}.", path, "Free space or choose another folder."
        ) from error
    return target


def read_card(path: str | Path) -> dict[str, Any]:
    """What `save_checkpoint` was given as the card; {} when there is none."""
    card = _read_safetensors(Path(path))[1].get(CARD_KEY)
    return dict(json.loads(card)) if card else {}


def plain(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Unwraps {"model": …} / {"state_dict": …} and drops prefixes that wrappers leave on every key."""
    for key in ("model", "state_dict"):
        inner = state.get(key)
        if isinstance(inner, Mapping):
            state = inner
    weights = dict(state)
    changed = True
    while changed and weights:
        changed = False
        for prefix in PREFIXES:
            if all(str(k).startswith(prefix) for k in weights):
                weights = {k.removeprefix(prefix): v for k, v in weights.items()}
                changed = True
    return weights


def _read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            "The checkpoint is damaged or not a safetensors file.", path, "Download or copy it again."
        ) from error


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            "The file holds more than weights, so it is not loaded; it could run code.",
            path,
            "Use the original SAM 2 file, or save the state dict alone.",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(
            "The checkpoint is truncated or not a PyTorch file.", path, "Download or copy it again."
        ) from error
    state = plain(loaded) if isinstance(loaded, Mapping) and all(isinstance(k, str) for k in loaded) else {}
    if not state or not all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items()):
        raise ModelError("The file holds no weights of one model.", path, "Use a SAM 2 checkpoint.")
    return state


def _misfits(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What does not fit, in a few words; "" when all does. Extra keys are an error too: they mean another model."""
    missing = [k for k in wanted if k not in given]
    extra = [k for k in given if k not in wanted]
    shapes = [k for k in wanted if k in given and tuple(wanted[k].shape) != tuple(given[k].shape)]
    parts = [
        f"{len(keys)} {what} (for example {keys[0]})"
        for what, keys in (("missing", missing), ("unknown", extra), ("of another shape", shapes))
        if keys
    ]
    return ", ".join(parts)


def _foreign(state: Mapping[str, Any]) -> str:
    """Names the usual wrong files."""
    keys = list(state)
    if any(k.startswith(("image_encoder.blocks.", "image_encoder.patch_embed")) for k in keys):
        return "These are weights of the first Segment Anything (SAM), not of SAM 2."
    if any(k.startswith(("visual.", "text_model.", "vision_model.")) for k in keys):
        return "These look like weights of a CLIP model, not of SAM 2."
    if any(k.startswith("image_encoder.trunk.") for k in keys):
        return "These are weights of a SAM 2 model of a size that is not known here."
    return "These are not the weights of a SAM 2 model."
