"""The small text tower of the built-in classifier: it gives the names' known embeddings for prompts built from them.

A student of CLIP ViT-B/32's text tower on the names alone, so it knows objects and nothing else: colours, places and
styles around a name are trained to change nothing. Its tokenizer is CLIP's byte-pair code cut down to the merges that
our words use; any other word still becomes tokens, in smaller pieces.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer, default_bpe
from torch import Tensor
from torch.nn import functional

from inference.training.clip_images import SCALE
from inference.training.clip_words import Vectors, Words, plain

CONTEXT = 32
WIDTH, HEADS, LAYERS = 256, 4, 4
_SCORES = 0.2  # weight of the squared error of the pictures' scores

_PLAIN = ("{}", "{}.", "a {}", "a {}.", "the {}", "{}s", "my {}", "one {}", "some {}", "two {}s", "many {}s")
_PHOTOS = (
    "a photo of a {}", "a photo of a {}.", "a photo of the {}.", "a picture of a {}", "an image of a {}",
    "a photo of {}s", "a bad photo of a {}.", "a good photo of the {}.", "a blurry photo of a {}.",
    "a low resolution photo of the {}.", "a close-up photo of a {}.", "a bright photo of a {}.",
    "a dark photo of the {}.",
    "a black and white photo of the {}.", "a cropped photo of a {}.", "a jpeg corrupted photo of a {}.",
    "itap of a {}.", "a rendition of the {}.", "a drawing of a {}.", "a painting of the {}.", "art of a {}.",
    "a centered satellite photo of a {}.", "a photo of one {}.", "a photo of many {}s.", "a photo of my {}.",
    "a pixelated photo of a {}.", "a photo of a {}, a type of animal.", "a photo of a {}, a type of pet.",
    "a photo of a {}, a type of food.", "a photo of a {}, a type of vehicle.", "a photo of a {}, a type of clothing.",
    "a studio photo of a {} on a white background", "a product photo of a {}", "a {} in the scene", "there is a {}",
    "a snapshot of the {}", "a photograph of a {}", "a thumbnail of a {}", "a screenshot with a {}",
)  # fmt: skip
_BEFORE = (
    "red", "green", "blue", "yellow", "white", "black", "brown", "grey", "gray", "orange-coloured", "pink", "purple",
    "dark", "light", "bright", "small", "little", "tiny", "large", "big", "huge", "tall", "long", "short",
    "round", "square",
    "old", "new", "young", "clean", "dirty", "large", "weird", "cool", "nice", "beautiful", "ugly", "wooden", "metal",
    "plastic", "wet", "fast", "sleeping", "running", "standing", "flying", "parked", "broken", "empty", "full",
    "striped",
    "spotted", "single", "ripe", "fresh", "vintage", "modern", "shiny", "toy-like", "wild", "cute", "hard to see",
)  # fmt: skip
_AFTER = (
    "on the grass", "in the grass", "on a table", "on the street", "on the road", "in the water", "in the sky",
    "in a garden",
    "in the snow", "at night", "in the background", "in the foreground", "on a white background", "outdoors", "indoors",
    "in a room", "in a field", "in front of a wall", "from above", "from behind", "on the left", "on the right",
    "in the dark",
    "in motion", "seen from the side", "up close", "far away", "in the city", "in the forest", "on sand", "by the sea",
)  # fmt: skip


def spellings(words: Words) -> list[tuple[str, int]]:
    """Every word that stands for a name, with the name's index: the name, its parts, its aliases."""
    index = words.index
    found: dict[str, int] = {}
    for name, i in index.items():
        found.setdefault(plain(name) or name, i)
    for alias, name in words.aliases.items():
        found[alias] = index[name]
    return sorted(found.items())


def prompt(word: str, rng: np.random.Generator) -> str:
    """A prompt built from a word: plain, as a photo, or with what is said around an object."""
    draw = rng.random()
    if draw < 0.25:
        frame = str(rng.choice(_PLAIN))
    elif draw < 0.7:
        frame = str(rng.choice(_PHOTOS))
    else:
        frame = "a photo of a {}" if rng.random() < 0.4 else "a {}" if rng.random() < 0.6 else "{}"
        frame = frame.replace("{}", f"{rng.choice(_BEFORE)} {{}}") if rng.random() < 0.65 else frame
        frame = f"{frame} {rng.choice(_AFTER)}" if rng.random() < 0.5 else frame
    text = frame.format(word)
    return text.replace(f" a {word}", f" an {word}") if word[0] in "aeiou" else text


class _Recorded(dict[tuple[str, ...], int]):
    """Merge ranks that remember which merges were made."""

    def __init__(self, ranks: dict[tuple[str, ...], int]) -> None:
        super().__init__(ranks)
        self.used: set[tuple[str, ...]] = set()

    def __contains__(self, pair: object) -> bool:  # the tokenizer asks this of the merge that it is about to make
        there = super().__contains__(pair)
        if there and isinstance(pair, tuple):
            self.used.add(pair)
        return there


def write_bpe(texts: Iterable[str], file: Path) -> None:
    """CLIP's merges, cut down to those that these texts use, in their order. For them the code stays the same."""
    tokenizer = SimpleTokenizer()
    recorded = _Recorded(tokenizer.bpe_ranks)
    tokenizer.bpe_ranks = recorded
    for text in texts:
        tokenizer.encode(text)
    with gzip.open(default_bpe()) as source:
        header = source.read().decode("utf-8").split("\n")[0]
    merges = sorted(recorded.used, key=lambda pair: recorded[pair])
    content = "\n".join([header, *(" ".join(pair) for pair in merges)])  # no newline at the end: it would be a merge
    with file.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed:
        packed.write(content.encode("utf-8"))


def vocabulary_texts(words: Words) -> list[str]:
    """All that the tokenizer must know whole."""
    frames = [*_PLAIN, *_PHOTOS, *_BEFORE, *_AFTER]
    names = [word for word, _ in spellings(words)]
    return [f.replace("{}", " ") for f in frames] + names + [f"{word}s" for word in names]


def forward(model: CLIP, tokens: Tensor) -> Tensor:
    """`encode_text` on the columns that are in use only, for speed; the same values, since attention is causal."""
    used = int((tokens != 0).sum(1).max())
    tokens = tokens[:, :used]
    x = model.token_embedding(tokens) + model.positional_embedding[:used]
    x = model.transformer(x, attn_mask=model.attn_mask[:used, :used])
    x = model.ln_final(x)[torch.arange(len(tokens)), tokens.argmax(1)]
    return functional.normalize((x @ model.text_projection).float(), dim=-1)


def train(
    model: CLIP,
    tokenizer: SimpleTokenizer,
    words: Words,
    meant: Vectors,
    steps: int,
    report: Callable[[int, float], None],
    pictures: Tensor,
    batch: int = 256,
    rate: float = 1e-3,
    seed: int = 0,
) -> None:
    """Teaches the text tower in place: cosine distance to what the names mean, and telling the names apart.

    What is left of the distance is pushed where no picture lies: pictures fill a narrow cone of the space, and there
    an error changes their scores.

    Args:
        meant: (names, dim) of `Words.meant`.
        pictures: (n, dim) unit rows, embeddings of training pictures.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    choices = spellings(words)
    anchors = torch.from_numpy(meant)
    spread = pictures.T @ pictures / len(pictures)
    parts = (model.token_embedding, model.transformer, model.ln_final)
    parameters = [p for part in parts for p in part.parameters()] + [model.positional_embedding, model.text_projection]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        picked = [choices[i] for i in rng.integers(0, len(choices), batch)]
        tokens = tokenizer([prompt(word, rng) for word, _ in picked])
        targets = torch.tensor([i for _, i in picked])
        with torch.autocast("cpu", torch.bfloat16):
            found = forward(model, tokens)
        apart = functional.cross_entropy(60 * found @ anchors.T, targets)
        error = SCALE * (found - anchors[targets])
        wrong = ((error @ spread) * error).sum(1).mean()
        loss = 4 * (1 - (found * anchors[targets]).sum(1)).mean() + 0.1 * apart + _SCORES * wrong
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            report(step + 1, float(loss.detach()))


def fidelity(
    model: CLIP, tokenizer: SimpleTokenizer, words: Words, meant: Vectors, frame: str = "a photo of a {}."
) -> tuple[float, float]:
    """Mean cosine of prompts with what their names mean, and the share whose nearest name is the right one."""
    choices = spellings(words)
    anchors = torch.from_numpy(meant)
    with torch.inference_mode():
        found = torch.cat(
            [
                forward(model, tokenizer([frame.format(w) for w, _ in choices[i : i + 256]]))
                for i in range(0, len(choices), 256)
            ]
        )
    targets = torch.tensor([i for _, i in choices])
    right = ((found @ anchors.T).argmax(1) == targets).float().mean()
    return float((found * anchors[targets]).sum(1).mean()), float(right)
