"""Which device is chosen and why."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from inference.engines import device as devices
from inference.engines.device import Device, choose, explain, is_out_of_memory, thread_count
from inference.errors import UsageError

NO_GPU = not torch.cuda.is_available() and not torch.backends.mps.is_available()


def test_the_cpu_can_always_be_forced() -> None:
    chosen = choose("cpu")
    assert (chosen.kind, chosen.torch_name, chosen.precision) == ("cpu", "cpu", "float32")
    assert chosen.threads >= 1
    assert choose("CPU", "bfloat16").precision == "bfloat16"


@pytest.mark.skipif(not NO_GPU, reason="there is a GPU here")
def test_without_a_gpu_the_reason_is_told() -> None:
    for wish in (None, "", "auto"):
        assert choose(wish).kind == "cpu"
    assert "CUDA" in choose().reason
    for missing in ("cuda", "cuda:3", "mps"):
        with pytest.raises(UsageError) as caught:
            choose(missing)
        assert caught.value.remedy
    text = "\n".join(explain())
    assert "no CUDA:" in text
    assert "threads" in text


@pytest.mark.parametrize("wish", ["gpu", "cpu:1", "cuda:x", "tpu"])
def test_words_that_are_no_device(wish: str) -> None:
    with pytest.raises(UsageError, match="no device"):
        choose(wish)


def test_a_precision_that_is_none() -> None:
    with pytest.raises(UsageError, match="precision"):
        choose("cpu", "float8")


def test_threads_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert thread_count() >= 1


def test_a_core_stays_free_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for usable, physical, expected in ((1, 1, 1), (2, 2, 2), (2, 1, 1), (4, 4, 3), (8, 4, 4), (16, 16, 15)):
        monkeypatch.setattr(devices.os, "sched_getaffinity", lambda _pid, n=usable: set(range(n)), raising=False)
        monkeypatch.setattr(psutil, "cpu_count", lambda logical=True, n=physical: n)
        assert thread_count() == expected


def test_words_for_no_memory() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"))
    assert is_out_of_memory(RuntimeError("[enforce fail] not enough memory"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_card_becomes_the_cpu() -> None:
    card = Device("cuda", "Some card", "bfloat16", "the first", 4, 1)
    assert card.torch_name == "cuda:1"
    assert card.on_cpu("full") == Device("cpu", "CPU", "float32", "full", 4, 0)


def test_preparing_and_asking_for_the_class_imports_no_torch() -> None:
    code = (
        "import os, sys; from inference.engines.device import prepare_environment, Device; prepare_environment();"
        "assert os.environ['PYTORCH_ENABLE_MPS_FALLBACK'] == '1'; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("capability", "kernels", "answer"),
    [
        ((9, 0), ["sm_80", "sm_90"], True),
        ((9, 0), ["sm_80", "sm_90a"], True),
        ((8, 9), ["sm_80", "sm_86"], True),
        ((8, 0), ["sm_86"], False),
        ((6, 1), ["sm_75", "sm_80"], False),
        ((12, 1), ["sm_90", "compute_90"], True),
        ((12, 1), ["sm_90"], False),
        ((9, 0), ["gfx90a"], True),
        ((9, 0), [], True),
    ],
)
def test_which_cards_a_build_of_torch_can_run(capability: tuple[int, int], kernels: list[str], answer: bool) -> None:
    assert devices.supports(capability, kernels) is answer


def test_a_card_is_chosen_with_its_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    old_and_new = {0: SimpleNamespace(name="Old", major=7, minor=5), 1: SimpleNamespace(name="New", major=9, minor=0)}
    monkeypatch.setattr(devices, "_cards", lambda: (0, 1))
    monkeypatch.setattr(devices, "_properties", old_and_new.__getitem__)
    assert (choose().name, choose().precision, choose().torch_name) == ("Old", "float32", "cuda:0")
    assert (choose("cuda:1").name, choose("cuda:1").precision) == ("New", "bfloat16")
    assert choose("cuda:1", "float32").precision == "float32"
    with pytest.raises(UsageError, match="usable CUDA card 2"):
        choose("cuda:2")
