"""Building open_clip's models from local files only: a folder in its layout, its own names, or a bare checkpoint."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.factory import get_model_config, load_state_dict
from open_clip.pretrained import get_pretrained_cfg

from inference import open_clip_names, vocabulary
from inference.catalogue import CLIP_CONFIG, ModelSpec
from inference.clip_input import ClipInput
from inference.engines.clip import Classifier
from inference.engines.clip_tokens import HubTokens, SimpleTokens
from inference.engines.device import Device, is_out_of_memory
from inference.errors import AppError, ModelError

log = logging.getLogger(__name__)

MERGES = "bpe.txt.gz"
_QUICK = ("openai", "quickgelu", "metaclip", "dfn")  # names of trainings with OpenAI's activation
# What torch, safetensors and open_clip raise on files that are not what they should be.
_BROKEN = (
    RuntimeError, ValueError, KeyError, TypeError, AttributeError, AssertionError, LookupError, OSError, EOFError,
    pickle.UnpicklingError, ImportError,
)  # fmt: skip


def load_classifier(spec: ModelSpec, file: Path, checksum: str, device: Device) -> Classifier:
    """The classifier of a catalogue entry whose verified weights are `file`.

    Nothing is fetched: weights and tokenizer have to be there. Raises ModelError naming the file and what to do.
    """
    folder = file.parent
    layout = folder / CLIP_CONFIG
    with _explained(file):
        if not spec.open_clip and layout.is_file():
            config = json.loads(layout.read_text(encoding="utf-8"))["model_cfg"]
            _refuse_what_cannot_run(config, file)
            model = open_clip.create_model(f"local-dir:{folder}", pretrained_text=False)
            tokenizer = _tokenizer(config, f"local-dir:{folder}", folder)
        else:
            name, tag = _name_of(spec, file)
            config = get_model_config(name)
            _refuse_what_cannot_run(config, file)
            known = open_clip_names.find(f"{name}/{tag}")
            quick = bool(config.get("quick_gelu")) or (known is not None and known.quick_gelu)
            model = open_clip.create_model(
                name,
                pretrained=str(file),
                pretrained_text=False,
                force_quick_gelu=quick,
                force_preprocess_cfg=get_pretrained_cfg(name, tag) if known is not None else None,
            )
            tokenizer = _tokenizer(config, name, folder)
        model.eval().requires_grad_(False)
        return Classifier(
            model,
            tokenizer,
            _input(model.visual.preprocess_cfg),
            id=spec.id,
            title=spec.title,
            checksum=checksum,
            sigmoid=getattr(model, "logit_bias", None) is not None,
            words=vocabulary.read(folder),
            device=device,
        )


def recognise(file: Path) -> str:
    """The name and, where it can be told, the tag of the open_clip architecture whose weights a file holds.

    Told by the shapes alone; OpenAI's activation leaves no trace in them, so the file's name decides about it.
    Raises ModelError when no architecture fits.
    """
    with _explained(file):
        state = {key: tuple(value.shape) for key, value in load_state_dict(str(file)).items()}
    quick = any(word in file.name.lower() for word in _QUICK)
    for name in sorted(open_clip.list_models(), key=lambda name: (name.endswith("-quickgelu") != quick, name)):
        config = get_model_config(name)
        if _cannot_run(config) is None and _may_fit(config, state) and _fits(config, state):
            return str(name)
    raise ModelError(
        "These weights fit none of open_clip's architectures.", file, f"Put the model's {CLIP_CONFIG} beside the file."
    )


def tried(file: Path) -> str:
    """As `recognise`, and the model is built once, so that what is listed can be loaded.

    ModelError also for models that one file is not enough for.
    """
    name = recognise(file)
    if get_model_config(name)["text_cfg"].get("hf_tokenizer_name"):
        raise ModelError(
            f"{name} needs its tokenizer beside its weights.",
            file,
            "Download it from the list, or use the whole folder in place: --model FOLDER.",
        )
    spec = ModelSpec(id=name, title=name, family="clip", open_clip=name)
    load_classifier(spec, file, "", Device("cpu", "CPU"))
    return name


def _name_of(spec: ModelSpec, file: Path) -> tuple[str, str]:
    name, _, tag = spec.open_clip.partition("/")
    return (name, tag) if name else (recognise(file), "")


def _may_fit(config: dict[str, Any], state: dict[str, tuple[int, ...]]) -> bool:
    """A quick look, before a model is built: the table of tokens, the common space, whose image tower it is."""
    text, vision = config["text_cfg"], config["vision_cfg"]
    plain = {key.removeprefix("text."): shape for key, shape in state.items()}
    table = (text.get("vocab_size", 49408), text.get("width", 512))
    spaces = {shape[-1] for key, shape in plain.items() if key in ("text_projection", "text_projection.bias")}
    timms = any(key.startswith("visual.trunk.") for key in state)
    layers = f"transformer.resblocks.{text.get('layers', 12)}.ln_1.weight"
    return (
        plain.get("token_embedding.weight") == table
        and spaces <= {config["embed_dim"]}
        and timms == ("timm_model_name" in vision)
        and layers not in plain
    )


def _fits(config: dict[str, Any], state: dict[str, tuple[int, ...]]) -> bool:
    """Whether a model of this architecture has exactly these tensors. Built without memory."""
    custom = bool(config.pop("custom_text", False))
    if custom != any(key.startswith("text.") for key in state):
        return False
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    try:
        with torch.device("meta"):
            model = kind(**config)
    except _BROKEN:  # an architecture that this machine's libraries cannot build
        return False
    return {key: tuple(value.shape) for key, value in model.state_dict().items()} == state


def _tokenizer(config: dict[str, Any], name: str, folder: Path) -> Any:
    text = config["text_cfg"]
    if text.get("hf_tokenizer_name"):
        clean = text.get("tokenizer_kwargs", {}).get("clean", "whitespace")
        return HubTokens(folder, int(text.get("context_length", 77)), clean)
    merges = folder / MERGES
    own = {"bpe_path": str(merges)} if name.startswith("local-dir:") and merges.is_file() else {}
    return SimpleTokens(open_clip.get_tokenizer(name, **own))


def _input(config: dict[str, Any]) -> ClipInput:
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else size
    mean, std = (
        tuple(value) if not isinstance(value, float) else (value,) * 3 for value in (config["mean"], config["std"])
    )
    return ClipInput(
        int(height),
        int(width),
        mean,
        std,
        config.get("interpolation", "bicubic"),
        config.get("resize_mode", "shortest"),
        int(config.get("fill_color", 0)),
    )


def _cannot_run(config: dict[str, Any]) -> str | None:
    if config.get("text_cfg", {}).get("hf_model_name"):
        return "its text tower needs the transformers library"
    return "it writes captions in place of comparing" if "multimodal_cfg" in config else None


def _refuse_what_cannot_run(config: dict[str, Any], file: Path) -> None:
    why = _cannot_run(config)
    if why is not None:
        raise ModelError(f"This model cannot be used: {why}.", file, "Choose another model.")


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Says ModelError for whatever the libraries raise on a file that holds no such model."""
    try:
        yield
    except AppError:
        raise
    except _BROKEN as error:
        if is_out_of_memory(error):
            raise
        log.info("%s: %s: %s", file, type(error).__name__, error)
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(
            f"The classifier cannot be loaded ({why}).", file, "Fetch or copy it again, or choose another model."
        ) from error
