"""Several processes training one model (torchrun, SLURM): each takes its own pictures, gradients are averaged.

On CPUs one thread a process beats several threads in one: they meet once a step and not once an operation.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from inference.engines import device as devices


@dataclass(frozen=True, slots=True)
class Team:
    """This process's place among those that train together; `size` 1 is the usual lone process."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> Team:
        """Joins the group that torchrun's environment variables describe; a lone process when there are none."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        if not dist.is_initialized():
            # what is agreed on lies in main memory, gradients where the model is
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        return cls(dist.get_rank(), size)

    @property
    def leads(self) -> bool:
        """Validates, writes and reports."""
        return self.rank == 0

    def agree(self, value: float) -> float:
        """What the leader says, to all."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(told, 0)
        return float(told)

    def average_gradients(self, model: nn.Module) -> None:
        """In place. A parameter that got a gradient in one process only gets its share of it in all."""
        if self.size == 1:
            return
        learning = [p for p in model.parameters() if p.requires_grad]
        there = torch.tensor([p.grad is not None for p in learning], dtype=torch.uint8)
        dist.all_reduce(there, dist.ReduceOp.MAX)
        taken = [p for p, anywhere in zip(learning, there.tolist(), strict=True) if anywhere]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in taken]
        if not gradients:
            return
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for parameter, gradient, part in zip(taken, gradients, flat.split([g.numel() for g in gradients]), strict=True):
            parameter.grad = gradient.copy_(part.view_as(gradient))

    def total(self, values: list[float]) -> list[float]:
        """Each value summed over all processes, to all."""
        if self.size == 1:
            return values
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return [float(v) for v in sums]

    def share(self, model: nn.Module) -> None:
        """Gives every process the leader's weights and statistics: averaged gradients mean nothing otherwise."""
        if self.size == 1:
            return
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)

    @staticmethod
    def device() -> torch.device:
        """Where this process trains: its CUDA card (after `join` its own of several), else the CPU."""
        return torch.device("cuda" if devices.choose().kind == "cuda" else "cpu")

    def leave(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()
