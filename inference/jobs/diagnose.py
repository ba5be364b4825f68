"""The doctor's part that takes time or torch: the device and why it is that one, the weights, a mask as a self-test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference import catalogue
from inference.errors import AppError
from inference.jobs.segment import SegmentRequest
from inference.jobs.segment import run as segment
from inference.prompts import Box, Prompts
from inference.protocol import Context, ImageRef


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A picture whose subject fills much of `box` (pixels), segmented with the built-in model."""

    path: str
    box: Box


@dataclass(frozen=True, slots=True)
class DiagnoseRequest:
    """What to look at: the weights in `models_dir` (None: the usual folder), and a mask when `self_test` is given."""

    models_dir: str | None = None
    self_test: SelfTest | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `ok` is None where there is nothing to be right or wrong about."""

    label: str
    value: str
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings about the device, the models and the self-test."""

    device: tuple[Finding, ...]
    models: tuple[Finding, ...]
    self_test: tuple[Finding, ...]


def run(request: DiagnoseRequest, context: Context) -> Diagnosis:
    """Looks, and never fails on what it finds: failures become findings. Only `Cancelled` comes out."""
    context.progress(0, 3, "Device")
    device = _device()
    context.progress(1, 3, "Models")
    models = tuple(_models(request.models_dir, context))
    context.progress(2, 3, "Self-test")
    test = () if request.self_test is None else (_self_test(request.self_test, context),)
    context.progress(3, 3, "")
    return Diagnosis(device, models, test)


def _device() -> tuple[Finding, ...]:
    try:
        from inference.engines import device

        lines = device.explain()
    except (ImportError, OSError) as error:  # a broken torch is exactly what the doctor is asked about
        return (Finding("torch", f"cannot be loaded: {error}", False),)
    pairs = [line.partition(": ") if ": " in line else line.partition(" ") for line in lines]
    return tuple(Finding(label, value) for label, _, value in pairs)


def _models(models_dir: str | None, context: Context) -> list[Finding]:
    from inference.weights import library

    findings = []
    for spec in catalogue.catalogue(models_dir):
        try:
            path = catalogue.installed(spec, models_dir)
            if path is None and not spec.builtin:
                continue
            digest = library.verify(spec, models_dir, lambda *_: context.progress(1, 3, "Models"))
        except AppError as error:
            findings.append(Finding(spec.id, str(error), False))
            continue
        size = path.stat().st_size / 1e6 if path is not None else 0.0
        findings.append(Finding(spec.id, f"verified, {size:,.1f} MB, sha256 {digest[:16]}…", True))
    return findings


def _self_test(test: SelfTest, context: Context) -> Finding:
    """A box around a subject has to give a mask that fills a good part of it and stays in it."""
    prompts = Prompts(box=test.box)
    try:
        result = segment(SegmentRequest(ImageRef(test.path), catalogue.STARTER, prompts), context)
        mask = result.candidates[0].mask
    except AppError as error:
        return Finding("mask", str(error), False)
    if mask is None:
        return Finding("mask", "the model gave none", False)
    x0, y0, x1, y1 = (round(v) for v in (test.box.x0, test.box.y0, test.box.x1, test.box.y1))
    inside = int(mask.array()[y0:y1, x0:x1].sum())
    fills, stays = inside / max(test.box.width * test.box.height, 1), inside / max(mask.area, 1)
    words = f"{Path(test.path).name}: fills {fills:.0%} of its box, {stays:.0%} of it inside, {result.seconds:.2f} s"
    return Finding("mask", f"{words} on {result.device}", fills > 0.25 and stays > 0.8)
