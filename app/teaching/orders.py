"""What a person asks a training for, checked and turned into the request that the worker runs."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication

from app.texts import QT_TRANSLATE_NOOP
from inference import catalogue, paths
from inference.errors import UsageError
from inference.jobs.train_classifier import TrainClassifierRequest
from inference.jobs.train_sam2 import TrainSam2Request

if TYPE_CHECKING:
    from app.project import Project
    from app.sorting.sorter import Sorter

_NAMED = 8  # classes that are named
TrainRequest = TrainSam2Request | TrainClassifierRequest


@dataclass(frozen=True, slots=True)
class Recipe:
    """A preset as the form offers it: its name, what people read, and whether it starts from random weights."""

    preset: str
    title: str
    words: str
    scratch: bool = False


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "pets-cpu-256", QT_TRANSLATE_NOOP("teaching", "One kind of object, any computer"),
        QT_TRANSLATE_NOOP("teaching", "256 pixels, a click and three corrections, 40 rounds through the pictures. "
                                      "Made for pets; fits 50 pictures of your own."),
    ),
    Recipe(
        "one-class-256", QT_TRANSLATE_NOOP("teaching", "One class, that clicks then know"),
        QT_TRANSLATE_NOOP("teaching", "The same, and the model learns to find the class by itself, so that clicks "
                                      "decide their own sign. For pictures with one object each."),
    ),
    Recipe(
        "starter", QT_TRANSLATE_NOOP("teaching", "All kinds of objects, any computer"),
        QT_TRANSLATE_NOOP("teaching", "384 pixels, clicks and boxes, several objects a picture; an hour. "
                                      "How the built-in model was made."),
    ),
    Recipe(
        "finetune-sam2.1", QT_TRANSLATE_NOOP("teaching", "Fine-tune SAM 2.1"),
        QT_TRANSLATE_NOOP("teaching", "1024 pixels, as Meta does it: low rates, layer by layer. Wants a CUDA card."),
    ),
    Recipe(
        "from-scratch", QT_TRANSLATE_NOOP("teaching", "From random weights"),
        QT_TRANSLATE_NOOP("teaching", "SAM 2 base+ at 256 pixels. Wants thousands of pictures and a CUDA card."),
        scratch=True,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrainOrder:
    """One training of a segmentation model.

    Attributes:
        name: of the run; its folder is called so.
        data: what to learn from, as `main.py train sam2 --data` takes it.
        preset: a recipe's preset, or a YAML file.
        base: id of the model to start from; "" where the recipe starts from random weights.
        minutes: how long at most; 0 leaves that to the recipe.
        image_size: side of the model's square; 0 leaves that to the recipe.
        val: a data set that chooses the best checkpoint; "": a fifth of `data` does.
        more: further settings, a line `KEY=VALUE` each.
    """

    name: str
    data: tuple[str, ...]
    preset: str
    base: str
    minutes: float = 0.0
    image_size: int = 0
    val: str = ""
    more: str = ""
    models_dir: str | None = field(default=None)


CLASSIFIER_RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "cifar10-small-vit", QT_TRANSLATE_NOOP("teaching", "Small pictures, from nothing"),
        QT_TRANSLATE_NOOP("teaching", "A small transformer at 32 pixels: icons, crops, thumbnails. For any computer."),
        scratch=True,
    ),
    Recipe(
        "cifar10-mobilenet", QT_TRANSLATE_NOOP("teaching", "Photographs, from ImageNet weights"),
        QT_TRANSLATE_NOOP("teaching", "MobileNetV2 at 96 pixels. Give timm's mobilenetv2_100 weights, or a classifier "
                                      "of this recipe; without, it learns from nothing and needs far more pictures."),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassifierOrder:
    """One training of a classifier.

    Attributes:
        name, more: as in `TrainOrder`.
        data: folders or zips of class folders.
        preset: one of `inference.training.classifier_config.PRESETS`.
        weights: a safetensors file to start from; "" for random weights.
        minutes: how long at most; 0 leaves that to the recipe.
    """

    name: str
    data: tuple[str, ...]
    preset: str
    weights: str = ""
    minutes: float = 0.0
    more: str = ""


def project_data(project: Project | None) -> tuple[Path | None, str]:
    """The folder whose annotations can be learned from; or None, and why there is none."""
    if project is None:
        return None, _tr("No folder is open.")
    if project.kept_elsewhere:
        return None, _tr("What you made here is kept in your own data folder: export it, and learn from the export.")
    return project.folder, ""


def class_folders(sorter: Sorter | None) -> tuple[Path | None, str]:
    """The folder whose class folders can be learned from; or None, and why there is none."""
    return (None, _tr("No folder is open.")) if sorter is None else (sorter.root, "")


def runs_dir() -> Path:
    """Where the window's runs are."""
    return paths.data_dir() / "runs"


def request_for(order: TrainOrder, folder: Path) -> TrainSam2Request:
    """Checks an order; slow enough for a thread, for the weights are hashed.

    Raises UsageError for wrong settings, each named, and ModelError when the base model is not there.
    """
    from inference.training.config import make_config

    if not order.data:
        raise UsageError(_tr("There is nothing to learn from."), None, _tr("Add a data set."))
    settings = settings_of(order.more)
    if order.minutes:
        settings.setdefault("minutes", order.minutes)
    if order.image_size:
        settings.setdefault("image_size", order.image_size)
    make_config(order.preset or None, settings)
    init = None if not order.base else str(catalogue.weights_path(order.base, order.models_dir))
    return TrainSam2Request(
        order.data, str(folder), val=order.val or None, init=init, preset=order.preset or None, settings=settings
    )


def classifier_request(order: ClassifierOrder, folder: Path) -> TrainClassifierRequest:
    """Checks an order. UsageError for wrong settings."""
    from inference.training.classifier_config import make_config

    if not order.data:
        raise UsageError(_tr("There is nothing to learn from."), None, _tr("Add a folder of class folders."))
    settings = settings_of(order.more)
    if order.minutes:
        settings.setdefault("minutes", order.minutes)
    make_config(order.preset, settings)
    return TrainClassifierRequest(order.data, str(folder), order.preset, order.weights or None, settings=settings)


def resumed_classifier(folder: Path, told: dict[str, Any]) -> TrainClassifierRequest:
    """What goes on with a classifier's run, from its `run.json`. UsageError when that lacks something."""
    try:
        settings = dict(told["config"])
        weights = told.get("weights")
        return TrainClassifierRequest(
            tuple(str(one) for one in told["data"]), str(folder), None, None if weights is None else str(weights),
            int(told.get("limit") or 0), settings,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(_tr("The run does not say what it was asked for."), folder, _tr("Start a new one.")) from error


def describe_classes(data: tuple[str, ...]) -> str:
    """What is in folders or zips of class folders, in words. FormatError where a classifier cannot learn from it."""
    from inference.training.classifier_config import ClassifierConfig
    from inference.training.classifier_data import find_classes

    usual = ClassifierConfig()
    shares = usual.validation_share, usual.test_share, usual.split_seed
    found = find_classes([Path(one) for one in data], *shares)
    everything = [*found.train, *found.val, *found.test]
    by_number = Counter(one.label for one in everything)
    counts = {name: by_number[number] for number, name in enumerate(found.classes)}
    shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:_NAMED])
    more = _tr(" and %1 more").replace("%1", str(len(counts) - _NAMED)) if len(counts) > _NAMED else ""
    text = _tr("%1 pictures in %2 classes: %3").replace("%1", f"{len(everything):,}")
    return "\n".join([text.replace("%2", str(len(counts))).replace("%3", shown + more), *found.notes])


def settings_of(text: str) -> dict[str, Any]:
    """Lines of `KEY=VALUE`; values are JSON or plain words. UsageError for a line that is none."""
    settings: dict[str, Any] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            raise UsageError(
                _tr("“%1” is no setting.").replace("%1", line), None, _tr("Write KEY=VALUE, for example epochs=10.")
            )
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    return settings


def free_folder(name: str, inside: Path) -> Path:
    """A folder for a new run. UsageError for a name that is taken or cannot be one."""
    clean = re.sub(r"[\x00-\x1f/\\:*?\"<>|]+", "-", name).strip(" .")
    if not clean:
        raise UsageError(_tr("The run needs a name."), None, _tr("Type one."))
    folder = inside / clean[:100]
    if paths.is_there(folder):
        raise UsageError(
            _tr("There is a run called “%1” already.").replace("%1", clean), folder, _tr("Choose another name.")
        )
    return folder


def free_name(wish: str, taken: set[str]) -> str:
    """The wish itself, or with a number behind it."""
    if wish not in taken:
        return wish
    return next(name for n in range(2, len(taken) + 3) if (name := f"{wish} {n}") not in taken)


def _tr(text: str) -> str:
    return QCoreApplication.translate("teaching", text)


__all__ = [
    "CLASSIFIER_RECIPES",
    "RECIPES",
    "ClassifierOrder",
    "Recipe",
    "TrainOrder",
    "TrainRequest",
    "class_folders",
    "classifier_request",
    "describe_classes",
    "free_folder",
    "free_name",
    "project_data",
    "request_for",
    "resumed_classifier",
    "runs_dir",
]
