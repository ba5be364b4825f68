"""Aligns an ImageNet image tower to CLIP's text space: the picture tower of the built-in classifier.

The text embeddings stay where they are (anchors); the tower learns to put pictures beside their names. A picture counts
for its name or one of the name's parents, and is held against all names that exclude it (a picture of a dog whose breed
nobody noted is not held against breeds). Beside the labels, what the ImageNet classifier says of the clear picture is
kept (distillation, Hinton et al. 2015), which carries names of which there are few pictures: softened, its answer tells
of every picture how like an airplane it is, and a student learns airplanes from that without seeing one. Text as a
fixed target for labelled pictures: DeViSE (Frome et al. 2013); the locked tower: LiT (Zhai et al. 2022).
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import timm
import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional

from inference.training import clip_augment
from inference.training.clip_pictures import UNNAMED, Packed
from inference.training.clip_words import Words

log = logging.getLogger(__name__)

SCALE = 100.0  # of cosines, as CLIP's own
TRUNK = "mobilenetv2_100"
_THREADS = 2
_RIDGE = 1.0
_SOFT = 3.0  # temperature of what is kept
_CROPS = 0.5  # of the draws are crops nobody named
_GENERAL = 0.4  # of the draws show more general names ("truck") equally often, since those are what people sort by


@dataclass(frozen=True)
class Recipe:
    """How the image tower is trained. Rates are those of AdamW after the warm-up."""

    side: int = 128
    batch: int = 128
    steps: int = 3000
    trunk_rate: float = 4e-4
    head_rate: float = 1e-3
    weight_decay: float = 0.02
    warm_up: int = 100
    teacher_share: float = 0.5
    own_name: float = 0.6  # of the draws name the picture itself, the rest one of its parents
    ema: float = 0.998
    taught_rate: float = 0.3  # of the rates, for a tower that was taught before
    seed: int = 0
    save_every: int = 200


class Tower(nn.Module):
    """timm's trunk, mean pooling and a linear map, as open_clip's `TimmModel` with `proj="linear"`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.trunk = timm.create_model(TRUNK, pretrained=False, num_classes=0)
        self.proj = nn.Linear(self.trunk.num_features, dim, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) in -1..1 to (n, dim) float32 unit rows."""
        return functional.normalize(self.proj(self.trunk(pictures)).float(), dim=-1)


def tower_from(weights: dict[str, Tensor], dim: int) -> Tower:
    """A tower with an ImageNet trunk. Its folded batch norms stay as they are: the tower is trained in eval mode."""
    tower = Tower(dim)
    trunk = {k: v.float() for k, v in weights.items() if not k.startswith("classifier.")}
    tower.trunk.load_state_dict(trunk)
    return tower.eval()


class _InFloat32(nn.Module):
    """A convolution kept out of autocast: strided depthwise ones in bfloat16 take twice the time of all the rest."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            found: Tensor = self.conv(x.float())
            return found


def lighten(tower: Tower) -> Tower:
    """A copy for training on a processor: batch norms, which stay as they are, become biases of their convolutions."""
    light = copy.deepcopy(tower)
    light.trunk = lighten_trunk(light.trunk)
    return light


def lighten_trunk(trunk: nn.Module) -> nn.Module:
    """The same of a trunk, in place."""
    for parent, conv_name, norm_name in _pairs(trunk):
        conv, norm = getattr(parent, conv_name), getattr(parent, norm_name)
        gain = norm.weight.data / torch.sqrt(norm.running_var + norm.eps)
        conv.weight.data.mul_(gain[:, None, None, None])
        conv.bias = nn.Parameter(norm.bias.data - norm.running_mean * gain)
        setattr(parent, norm_name, norm.act)
        if conv.groups > 1 and conv.stride[0] > 1:
            setattr(parent, conv_name, _InFloat32(conv))
    return trunk


def restored(light: Tower, tower: Tower) -> Tower:
    """`tower` with the weights of its light copy, computing the same."""
    whole = copy.deepcopy(tower)
    for (from_, conv_name, _), (to, _, norm_name) in zip(_pairs(light.trunk), _pairs(whole.trunk), strict=True):
        conv = getattr(from_, conv_name)
        conv = conv.conv if isinstance(conv, _InFloat32) else conv
        norm = getattr(to, norm_name)
        getattr(to, conv_name).weight.data.copy_(conv.weight.data)
        norm.weight.data.fill_(1.0).mul_(torch.sqrt(norm.running_var + norm.eps))
        norm.bias.data.copy_(conv.bias.data + norm.running_mean)
    whole.proj.load_state_dict(light.proj.state_dict())
    return whole.eval()


def _pairs(trunk: nn.Module) -> list[tuple[nn.Module, str, str]]:
    """(module, its convolution's name, the name of the batch norm after it), from the picture on."""
    found = []
    names = (("conv_stem", "bn1"), ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"), ("conv_head", "bn2"))
    for module in trunk.modules():
        separable = hasattr(module, "conv_dw") and not hasattr(module, "conv_pwl")  # its norms are counted otherwise
        pairs = (("conv_dw", "bn1"), ("conv_pw", "bn2")) if separable else names
        found += [(module, conv, norm) for conv, norm in pairs if hasattr(module, conv) and hasattr(module, norm)]
    return found


def as_input(rgb: npt.NDArray[np.uint8]) -> Tensor:
    """(n, h, w, 3) uint8 to (n, 3, h, w) float32 in -1..1, channels last."""
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def start_head(tower: Tower, weights: dict[str, Tensor], anchors: Tensor) -> None:
    """Starts the map so that the names score as the ImageNet classifier scores its classes (ridge regression).

    Args:
        weights: of the classifier.
        anchors: (1000, dim) the embeddings of its classes.
    """
    scores = weights["classifier.weight"].float()
    scores = scores - scores.mean(0)
    centred = anchors - anchors.mean(0)
    gram = centred.T @ centred + _RIDGE * torch.eye(anchors.shape[1])
    with torch.no_grad():
        tower.proj.weight.copy_(torch.linalg.solve(gram, centred.T @ scores))


class Trainer:
    """The loop, which can stop at any step and go on from its file."""

    def __init__(
        self,
        recipe: Recipe,
        words: Words,
        packed: Packed,
        weights: dict[str, Tensor],
        hidden: list[str],
        said: Tensor,
        taught: Tower | None = None,
    ):
        torch.manual_seed(recipe.seed)
        self.recipe, self.words, self.packed = recipe, words, packed
        index = words.index
        anchors = torch.from_numpy(words.anchors)
        self.tower = tower_from(weights, anchors.shape[1])
        self.positives = [words.positives(name) for name in words.names]
        known = {p for label in set(packed.label.tolist()) - {UNNAMED} for p in self.positives[label]}
        known |= {p for name in words.imagenet if name not in hidden for p in self.positives[index[name]]}
        self.known = torch.tensor(sorted(known - {index[name] for name in hidden}))
        self.place = {int(k): i for i, k in enumerate(self.known)}
        self.anchors = anchors[self.known]
        compatible = torch.from_numpy(words.compatible())
        self.compatible = compatible[:, self.known]
        self.teacher = said
        self.shown = torch.tensor([name not in hidden for name in words.imagenet])
        self.class_index = np.array([index[name] for name in words.imagenet])
        self.draws, self.said_of = self._balance()
        self.imagenet = anchors[torch.from_numpy(self.class_index)]
        start_head(self.tower, weights, self.imagenet)
        if taught is not None:
            self.tower.load_state_dict(taught.state_dict())
        share = 1.0 if taught is None else recipe.taught_rate
        self._whole = self.tower
        self.tower = lighten(self.tower).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = ModelEmaV3(self.tower, decay=recipe.ema, use_warmup=True)
        groups = [
            {"params": list(self.tower.trunk.parameters()), "rate": share * recipe.trunk_rate},
            {"params": list(self.tower.proj.parameters()), "rate": share * recipe.head_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=recipe.weight_decay)
        self.step = 0

    def _balance(self) -> tuple[npt.NDArray[np.float64], Tensor]:
        """How pictures are drawn, and how often each known name is then asked for, as a logarithm.

        Names differ a hundredfold in pictures. Half of the draws are crops nobody named, if there are any. Names (and
        the teacher's guesses of crops) are drawn by the square root of their number, and what is left of
        the difference is added to the logits in training, so that common names are not preferred at use (logit
        adjustment, Menon et al. 2021).
        """
        labels = self.packed.label
        named = labels >= 0
        group = np.where(named, labels, len(self.positives) + self.teacher.float().argmax(1).numpy())
        sizes = np.bincount(group)
        draws = 1 / np.sqrt(sizes[group])
        crops = 0.0 if named.all() else _CROPS
        draws[named] *= (1 - crops) / draws[named].sum()
        draws[~named] *= crops / max(draws[~named].sum(), 1e-9)
        draws = (1 - _GENERAL) * draws + _GENERAL * self._by_general_name(group, sizes)
        asked = np.bincount(labels[named], draws[named], len(self.positives))
        of_class = torch.from_numpy(draws[~named]) @ self.teacher[torch.from_numpy(~named)].double().exp()
        np.add.at(asked, self.class_index, of_class.numpy())
        shares = np.full(len(self.known), 1e-5)
        for label in np.flatnonzero(asked > 0):
            own, *above = self.positives[int(label)]
            shares[self.place[own]] += asked[label] * (self.recipe.own_name if above else 1)
            for parent in above:
                shares[self.place[parent]] += asked[label] * (1 - self.recipe.own_name) / len(above)
        return draws / draws.sum(), torch.from_numpy(np.log(shares)).float()

    def _by_general_name(self, group: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Draws that show every more general name equally often, and of it every kind equally often.

        Args:
            group: for each picture its name, or the teacher's guess: what `sizes` counts.
        """
        names = len(self.positives)
        kinds: dict[int, list[int]] = {}
        for kind in np.flatnonzero(sizes).tolist():
            own = kind if kind < names else int(self.class_index[kind - names])
            for name in self.positives[own][1:]:
                kinds.setdefault(name, []).append(kind)
        if not kinds:
            return np.full(len(group), 1 / len(group))
        of_kind = np.zeros(len(sizes))
        for below in kinds.values():
            of_kind[below] += 1 / len(kinds) / len(below)
        return np.asarray(of_kind[group] / sizes[group])

    def rows(self, step: int) -> npt.NDArray[np.int64]:
        """The pictures of a step."""
        rng = np.random.default_rng((self.recipe.seed, step))
        return rng.choice(len(self.packed), self.recipe.batch, p=self.draws)

    def _labels(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The name of each picture; of a crop, one of those the teacher sees in it, as often as it is sure of it."""
        labels = self.packed.label[rows].astype(np.int64)
        for i in np.flatnonzero(labels < 0):
            heap = np.cumsum(self.teacher[rows[i]].double().exp().numpy())
            labels[i] = self.class_index[min(int(np.searchsorted(heap, rng.random() * heap[-1])), len(heap) - 1)]
        return labels

    def loss(self, views: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], seed: tuple[int, ...]) -> Tensor:
        recipe = self.recipe
        rng = np.random.default_rng(seed)
        labels = self._labels(rows, rng)
        own = [self.positives[label] for label in labels]
        target = [p[0] if len(p) == 1 or rng.random() < recipe.own_name else int(rng.choice(p[1:])) for p in own]
        with torch.autocast("cpu", torch.bfloat16):
            embeddings = self.tower(as_input(views).contiguous(memory_format=torch.channels_last))
        logits = SCALE * embeddings @ self.anchors.T
        places = torch.tensor([self.place[t] for t in target])
        allowed = self.compatible[torch.from_numpy(labels)]
        allowed = allowed | self.compatible[torch.tensor(target)]
        allowed[torch.arange(len(rows)), places] = False
        named = functional.cross_entropy((logits + self.said_of).masked_fill(allowed, -torch.inf), places)
        said = self.teacher[torch.from_numpy(rows)][:, self.shown].float()
        taught = said[:, 0].isfinite()
        if not bool(taught.any()):
            return named
        guess = (SCALE / _SOFT * embeddings[taught] @ self.imagenet[self.shown].T).log_softmax(1)
        wanted = (said[taught] / _SOFT).log_softmax(1)
        kept = _SOFT**2 * functional.kl_div(guess, wanted, reduction="batchmean", log_target=True)
        return (1 - recipe.teacher_share) * named + recipe.teacher_share * kept * taught.float().mean()

    def train(self, file: Path, minutes: float, report: Callable[[int, float, float], None]) -> bool:
        """Goes on until the last step or until the minutes are over; True when it is done.

        Args:
            file: the state, read when it is there, and written however this ends.
        """
        end = time.monotonic() + minutes * 60
        recipe = self.recipe
        if file.is_file():
            self.load(file)
        # A thread a core with half of the pictures each: no core waits for another at every operation.
        torch.set_num_threads(1)
        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(_THREADS) as cores:

            def prepared(step: int) -> tuple[npt.NDArray[np.int64], Any]:
                rows = self.rows(step)
                return rows, ahead.submit(clip_augment.batch, self.packed, rows, recipe.side, (recipe.seed, step, 2))

            rows, views = prepared(self.step)
            try:
                while self.step < recipe.steps and time.monotonic() < end:
                    following = prepared(self.step + 1)
                    loss = self._advance(views.result(), rows, cores)
                    rows, views = following
                    if self.step % 20 == 0:
                        report(self.step, loss, self._factor())  # raises when the person stops it
                    if self.step % recipe.save_every == 0:
                        self.save(file)
            finally:
                self.save(file)
        return self.step >= recipe.steps

    def result(self) -> Tower:
        """The averaged tower as open_clip knows it."""
        return restored(self.ema.module, self._whole)

    def _factor(self) -> float:
        recipe = self.recipe
        if self.step < recipe.warm_up:
            return (self.step + 1) / recipe.warm_up
        return 0.5 * (1 + math.cos(math.pi * (self.step - recipe.warm_up) / (recipe.steps - recipe.warm_up)))

    def _advance(self, views: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], cores: ThreadPoolExecutor) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * self._factor()
        parameters = list(self.tower.parameters())
        shares = list(zip(np.array_split(views, _THREADS), np.array_split(rows, _THREADS), strict=True))

        def share(number: int) -> tuple[float, tuple[Tensor, ...]]:
            loss = self.loss(*shares[number], (self.recipe.seed, self.step, 1, number))
            return float(loss.detach()), torch.autograd.grad(loss, parameters)

        found = list(cores.map(share, range(_THREADS)))
        for parameter, *gradients in zip(parameters, *(gradients for _, gradients in found), strict=True):
            parameter.grad = torch.stack(gradients).mean(0)
        nn.utils.clip_grad_norm_(parameters, 2.0)
        self.optimizer.step()
        self.ema.update(self.tower, step=self.step)
        self.step += 1
        return sum(loss for loss, _ in found) / _THREADS

    def save(self, file: Path) -> None:
        state = {
            "step": self.step, "tower": self.tower.state_dict(), "ema": self.ema.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        beside = file.with_suffix(".part")
        torch.save(state, beside)
        beside.replace(file)

    def load(self, file: Path) -> None:
        state = torch.load(file, weights_only=True)
        self.step = int(state["step"])
        self.tower.load_state_dict(state["tower"])
        self.ema.module.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])


def embed(tower: nn.Module, packed: Packed, side: int, rows: npt.NDArray[np.int64] | None = None) -> Tensor:
    """(n, dim) float32 unit rows of whole pictures."""
    chosen = np.arange(len(packed)) if rows is None else rows
    found = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for part in np.array_split(chosen, max(1, len(chosen) // 128)):
            views = np.stack([clip_augment.whole(packed.picture(int(i)), side) for i in part])
            found.append(tower(as_input(views).contiguous(memory_format=torch.channels_last)))
    return torch.cat(found)
