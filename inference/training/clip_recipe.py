"""The whole recipe of the built-in classifier, from development data to a folder that open_clip loads.

Stages that are done are not done again, so a run that was stopped goes on: pack the pictures, ask the teacher, train
the picture tower (by far the longest), train the text tower, write the folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file

from inference.errors import UsageError
from inference.training import clip_crops, clip_export, clip_images, clip_pictures, clip_text
from inference.training.clip_teacher import Teacher
from inference.training.clip_words import Vectors, Words, gather

Say = Callable[[int, int, str], None]

TEXT_STEPS = 3000
_PICTURES = 4000  # whose directions the words are measured along
WEIGHTS = "mobilenetv2_100_imagenet.safetensors"


def words_of(shared: Path) -> Words:
    """The words, from the text embeddings and the ImageNet classifier of the development folder."""
    data = shared / "data"
    file = data / "clip_text" / "vit_b32_object_names.npz"
    for needed in (file, shared / "weights" / WEIGHTS):
        if not needed.is_file():
            raise UsageError(
                "The development data is not whole.", needed, "Name the folder that has data/ and weights/."
            )
    with np.load(file) as found:
        names, embeddings = [str(n) for n in found["names"]], found["embeddings"].astype(np.float32)
    classifier = load_file(shared / "weights" / WEIGHTS)["classifier.weight"].float().numpy()
    return gather(names, embeddings, clip_pictures.imagenet_names(data), classifier)


def run(
    shared: Path,
    out: Path,
    minutes: float,
    say: Say,
    recipe: clip_images.Recipe | None = None,
    average_with: Sequence[Path] = (),
    taught: Path | None = None,
) -> Path | None:
    """Trains in `out` and returns the finished folder; None when the minutes were over first.

    Args:
        shared: the development folder with `data/` and `weights/`.
        minutes: for the picture tower.
        say: told (done, total, what) along the way; may raise to stop.
        average_with: finished folders of other runs; the picture tower becomes the mean of theirs and its own.
        taught: a finished folder whose picture tower to begin with, in place of the ImageNet classifier.
    """
    recipe = recipe or clip_images.Recipe()
    for other in average_with:  # what is wrong with them is told before the hours, not after
        clip_export.tower_of(other)
    before = None if taught is None else clip_export.tower_of(taught)
    out.mkdir(parents=True, exist_ok=True)
    words = words_of(shared)
    hidden = sorted(clip_pictures.held_out(words, shared / "data"))
    say(0, recipe.steps, "Packing pictures")
    packed = _packed(words, shared / "data", out / "train")
    weights = load_file(shared / "weights" / WEIGHTS)
    tower = _tower(words, packed, shared / "data", weights, hidden, out, recipe, minutes, say, before)
    if tower is None:
        return None
    tokens = out / "bpe.txt.gz"
    if not tokens.is_file():
        clip_text.write_bpe(clip_text.vocabulary_texts(words), tokens)
    chosen = np.random.default_rng(0).choice(len(packed), min(_PICTURES, len(packed)), replace=False)
    meant = words.meant(np.bincount(packed.label, minlength=len(words.names)))
    seen = partial(clip_images.embed, tower, packed, recipe.side, chosen)
    model = _texts(words, meant, tokens, out / "text.pt", seen, say)
    clip_export.put_tower(model, tower)
    folder = out / "winnow-clip"
    known = {words.names[p] for label in set(packed.label.tolist()) for p in words.positives(words.names[label])}
    clip_export.write(folder, model, words, known)
    clip_export.average(folder, average_with)
    shutil.copyfile(tokens, folder / tokens.name)
    return folder


def _packed(words: Words, data: Path, folder: Path) -> clip_pictures.Packed:
    if not (folder / "labels.npz").is_file():
        clip_pictures.pack(words, data, "train").save(folder)
    return clip_pictures.Packed.load(folder)


def _tower(
    words: Words,
    packed: clip_pictures.Packed,
    data: Path,
    weights: dict[str, torch.Tensor],
    hidden: list[str],
    out: Path,
    recipe: clip_images.Recipe,
    minutes: float,
    say: Say,
    taught: clip_images.Tower | None,
) -> clip_images.Tower | None:
    said = _said(words, packed, weights, hidden, out / "answers.pt", say)
    crops, of_crops = _crops(words, data, weights, hidden, out / "crops", say)
    everything = clip_crops.join(packed, crops)
    trainer = clip_images.Trainer(recipe, words, everything, weights, hidden, torch.cat([said, of_crops]), taught)
    done = trainer.train(out / "state.pt", minutes, lambda step, loss, _: say(step, recipe.steps, f"loss {loss:.3f}"))
    return trainer.result() if done else None


def _teacher(words: Words, weights: dict[str, torch.Tensor], hidden: list[str]) -> Teacher:
    return Teacher(weights, [i for i, name in enumerate(words.imagenet) if name in hidden])


def _said(
    words: Words,
    packed: clip_pictures.Packed,
    weights: dict[str, torch.Tensor],
    hidden: list[str],
    file: Path,
    say: Say,
) -> torch.Tensor:
    if not file.is_file():
        say(0, 1, "Asking the teacher")
        torch.save(_teacher(words, weights, hidden).says_packed(packed), file)
    return torch.as_tensor(torch.load(file, weights_only=True))


def _crops(
    words: Words, data: Path, weights: dict[str, torch.Tensor], hidden: list[str], folder: Path, say: Say
) -> tuple[clip_pictures.Packed, torch.Tensor]:
    said = folder / "answers.pt"
    if not said.is_file():
        say(0, 1, "Asking the teacher about crops")
        crops, of_crops = clip_crops.gather(data, _teacher(words, weights, hidden))
        crops.save(folder)
        torch.save(of_crops, said)
    return clip_pictures.Packed.load(folder), torch.as_tensor(torch.load(said, weights_only=True))


def _texts(
    words: Words, meant: Vectors, tokens: Path, file: Path, pictures: Callable[[], torch.Tensor], say: Say
) -> CLIP:
    tokenizer = SimpleTokenizer(str(tokens), context_length=clip_text.CONTEXT)
    torch.manual_seed(0)
    model = clip_export.empty(tokenizer.vocab_size)
    if file.is_file():
        model.load_state_dict(torch.load(file, weights_only=True))
        return model.eval()
    model.eval()

    def report(step: int, loss: float) -> None:
        say(step, TEXT_STEPS, f"text, loss {loss:.3f}")

    clip_text.train(model, tokenizer, words, meant, TEXT_STEPS, report, pictures())
    torch.save(model.state_dict(), file)
    return model
