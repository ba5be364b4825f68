"""Which processor the models run on, in which precision, with how many threads, and why. Torch inside functions."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from inference import garbage
from inference.errors import UsageError

FORCED = ("cuda", "mps", "cpu")


@dataclass(frozen=True, slots=True)
class Device:
    """A chosen processor.

    Attributes:
        kind: "cuda", "mps" or "cpu".
        name: for people, "NVIDIA H200" or "CPU".
        precision: "float32", or "bfloat16" for the network's layers under autocast.
        reason: one sentence, why this one.
        threads: torch's threads on the CPU.
        index: which card, for "cuda".
    """

    kind: str
    name: str
    precision: str = "float32"
    reason: str = ""
    threads: int = 1
    index: int = 0

    @property
    def torch_name(self) -> str:
        """What `torch.device` takes."""
        return f"cuda:{self.index}" if self.kind == "cuda" else self.kind

    def __str__(self) -> str:
        return self.name

    def on_cpu(self, reason: str) -> Device:
        """The CPU in place of this one."""
        return replace(self, kind="cpu", name="CPU", precision="float32", reason=reason, index=0)


def prepare_environment() -> None:
    """Switches that torch reads while it is imported. Call before; costs nothing, imports nothing."""
    # Operations that Metal lacks then run on the CPU in place of failing.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")


def thread_count() -> int:
    """Torch threads that leave the window smooth: one core stays free where there are more than two.

    On one or two cores all are used: the models run in a process of their own, the window is idle most of the time
    and wakes in between; giving half of the machine away would make every answer nearly twice as slow.
    `OMP_NUM_THREADS` wins.
    """
    wish = os.environ.get("OMP_NUM_THREADS", "")
    if wish.isdigit() and int(wish) > 0:
        return int(wish)
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(usable, psutil.cpu_count(logical=False) or usable)  # hyper-threads do not help matrix products
    return cores if cores <= 2 else min(cores, usable - 1)


def choose(force: str | None = None, precision: str | None = None) -> Device:
    """The best processor here, or the forced one.

    Args:
        force: "cuda", "cuda:1", "mps", "cpu"; None, "" or "auto" chooses CUDA, then Metal, then the CPU.
        precision: "float32" or "bfloat16" against what the card would get.

    Raises:
        UsageError: the forced one is not here, or is no device.
    """
    wish = (force or "auto").strip().lower()
    kind, _, number = wish.partition(":")
    if kind not in (*FORCED, "auto") or (number and (kind != "cuda" or not number.isdigit())):
        raise UsageError(f"“{force}” is no device.", remedy="Choose one of auto, cuda, cuda:N, mps, cpu.")
    if precision not in (None, "float32", "bfloat16"):
        raise UsageError(f"“{precision}” is no precision.", remedy="Choose float32 or bfloat16.")
    device = _auto() if kind == "auto" else _forced(kind, int(number or 0))
    return device if precision is None else replace(device, precision=precision)


def apply(device: Device) -> None:
    """Sets torch's process-wide switches for `device`: threads, and TF32 on the cards that have it."""
    import torch

    torch.set_num_threads(device.threads)
    if device.kind == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True


def explain() -> list[str]:
    """What was found, line by line, for `doctor`: torch, every GPU or why there is none, the CPU and its threads."""
    import torch

    chosen = _auto()
    lines = [f"torch {torch.__version__}", f"device: {chosen.name} ({chosen.precision}): {chosen.reason}"]
    lines += [f"CUDA card {i}: {_card_words(i)}" for i in _cards()]
    if not _cards():
        lines.append(f"no CUDA: {_why_no_cuda()}")
    if not _has_mps():
        lines.append(f"no Metal: {_why_no_mps()}")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    lines.append(f"CPU: {usable} usable, {chosen.threads} threads, {torch.backends.cpu.get_cpu_capability()}")
    return lines


def release_memory(device: Device) -> None:
    """Gives the card's cached blocks back to the system; nothing on the CPU."""
    import torch

    garbage.collect()
    if device.kind == "cuda":
        torch.cuda.empty_cache()
    elif device.kind == "mps":
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device had no memory left, in any of the words torch has for it."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    words = ("not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory")
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in words)


def _auto() -> Device:
    if _cards():
        return _cuda(_cards()[0], "the first CUDA card")
    if _has_mps():
        return _mps("Apple's GPU through Metal")
    return _cpu(_why_no_cuda() if _why_no_mps().startswith("this is not") else _why_no_mps())


def _forced(kind: str, index: int) -> Device:
    if kind == "cpu":
        return _cpu("asked for")
    if kind == "mps":
        if not _has_mps():
            raise UsageError(f"Metal cannot be used: {_why_no_mps()}.", remedy="Choose auto or cpu.")
        return _mps("asked for")
    if not _cards():
        raise UsageError(f"CUDA cannot be used: {_why_no_cuda()}.", remedy="Choose auto or cpu.")
    if index not in _cards():
        known = ", ".join(f"cuda:{i}" for i in _cards())
        raise UsageError(f"There is no usable CUDA card {index}.", remedy=f"Choose auto or {known}.")
    return _cuda(index, "asked for")


def _cpu(reason: str) -> Device:
    return Device("cpu", "CPU", "float32", reason, thread_count())


def _mps(reason: str) -> Device:
    return Device("mps", "Apple GPU", "float32", reason, thread_count())


def _cuda(index: int, reason: str) -> Device:
    properties = _properties(index)
    precision = "bfloat16" if properties.major >= 8 else "float32"  # Ampere and later have it in hardware
    return Device("cuda", str(properties.name), precision, reason, thread_count(), index)


@functools.cache
def _cuda_state() -> tuple[tuple[int, ...], str]:
    """The numbers of the usable cards, and why there is none. Torch says the latter in a warning only."""
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = int(torch.cuda.device_count()) if torch.cuda.is_available() else 0
        kernels = torch.cuda.get_arch_list() if found else []
        usable = tuple(i for i in range(found) if supports((_properties(i).major, _properties(i).minor), kernels))
    if usable:
        return usable, ""
    if found:
        return (), f"the card ({_properties(0).name}) is too old for this torch"
    if torch.version.cuda is None and torch.version.hip is None:
        return (), "this torch is built without CUDA"
    reason = f" ({str(said[0].message).splitlines()[0]})" if said else ""
    return (), f"this torch has CUDA, but no card or no driver was found{reason}"


def supports(capability: tuple[int, int], kernels: Sequence[str]) -> bool:
    """Whether a build of torch has code for a card.

    Args:
        capability: of the card, (9, 0) for an H100.
        kernels: `torch.cuda.get_arch_list()`: "sm_90" is machine code for cards 9.0 and later ones that begin with 9,
            "compute_90" can be translated for every later card. Other names (AMD's) are taken on trust.
    """
    card = capability[0] * 10 + capability[1]
    for name in kernels:
        kind, _, digits = name.partition("_")
        number = int(digits.rstrip("af") or 0) if digits.rstrip("af").isdigit() else None
        if number is None or kind not in ("sm", "compute"):
            return True
        if number <= card and (kind == "compute" or number // 10 == capability[0]):
            return True
    return not kernels


def _cards() -> tuple[int, ...]:
    return _cuda_state()[0]


def _properties(index: int) -> Any:
    import torch

    return torch.cuda.get_device_properties(index)


def _card_words(index: int) -> str:
    found = _properties(index)
    return f"{found.name}, {found.total_memory / 2**30:.0f} GiB, compute capability {found.major}.{found.minor}"


def _has_mps() -> bool:
    import torch

    return bool(torch.backends.mps.is_available())


def _why_no_cuda() -> str:
    return _cuda_state()[1]


def _why_no_mps() -> str:
    import torch

    if sys.platform != "darwin":
        return "this is not a Mac"
    return "macOS is too old" if torch.backends.mps.is_built() else "this torch is built without Metal"
