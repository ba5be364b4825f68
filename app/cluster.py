"""Sends a command of the program to a SLURM cluster through submitit: one process a card, joined as under torchrun."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import StorageError, UsageError
from inference.paths import program_dir

if TYPE_CHECKING:
    from submitit import SlurmExecutor
    from submitit.core.utils import DelayedSubmission

STOP_S = 60
"""So long may a training take to write its state when the cluster wants its machine back."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """What to ask SLURM for.

    Attributes:
        nodes, gpus: machines, and cards (and processes) on each; without cards, one process a machine.
        hours: after that the job is stopped and put in the queue again, where it goes on.
    """

    nodes: int = 1
    gpus: int = 1
    hours: float = 24.0
    partition: str | None = None
    qos: str | None = None
    account: str | None = None
    cpus: int = 8  # of each process

    def parameters(self) -> dict[str, Any]:
        """In submitit's words."""
        chosen: dict[str, Any] = {
            "job_name": "winnow-train",
            "nodes": self.nodes,
            "ntasks_per_node": max(1, self.gpus),
            "gpus_per_node": self.gpus or None,
            "cpus_per_task": self.cpus,
            "time": round(self.hours * 60),
            "partition": self.partition,
            "qos": self.qos,
            "account": self.account,
            "signal_delay_s": 2 * STOP_S,
            "setup": [f"export PYTHONPATH={_quoted(program_dir())}${{PYTHONPATH:+:$PYTHONPATH}}"],
        }
        return {key: value for key, value in chosen.items() if value is not None}


def job_script(plan: ClusterPlan, folder: Path) -> str:
    """The script that `submit` would hand to sbatch; works where there is no SLURM. Writes nothing."""
    from submitit import SlurmExecutor

    class OnPaper(SlurmExecutor):  # type: ignore[misc]
        """Asks for no srun."""

        @classmethod
        def affinity(cls) -> int:
            return 1

    executor = _prepared(OnPaper(folder), plan)
    return str(executor._make_submission_file_text(executor._submitit_command_str, "dry-run"))


def submit(plan: ClusterPlan, folder: Path, words: Sequence[str]) -> str:
    """Queues the command and returns the job's number.

    Args:
        folder: gets the scripts and what the processes say; on a disk that all machines see.
        words: the command line after the program's name.

    Raises:
        UsageError: there is no SLURM here, it refuses the job, or this is a built program.
        StorageError: the folder cannot be written.
    """
    if getattr(sys, "frozen", False):  # submitit starts the interpreter with a module of its own on each machine
        raise UsageError(
            "The built program cannot queue itself on a cluster.",
            None,
            "Install Winnow with pip or from source there (docs/install.md).",
        )
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        executor = _prepared(SlurmExecutor(folder), plan)
        return str(executor.submit(ClusterCommand(tuple(words))).job_id)
    except (RuntimeError, FailedJobError, FailedSubmissionError) as error:
        raise UsageError(
            f"The cluster did not take the job: {error}", None, "Run this where sbatch and srun are; try --dry-run."
        ) from error
    except OSError as error:
        raise StorageError(
            f"The job cannot be written ({error.strerror or error}).", folder, "Choose another --out."
        ) from error


def _prepared(executor: SlurmExecutor, plan: ClusterPlan) -> SlurmExecutor:
    executor.update_parameters(**plan.parameters())
    return executor


@dataclass
class ClusterCommand:
    """What each process of the job does: the command, as one of the team that SLURM started. submitit pickles it."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        from submitit.helpers import TorchDistributedEnvironment

        TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        self._child = subprocess.Popen([sys.executable, str(program_dir() / "main.py"), *self.words])
        status = self._child.wait()
        if status > 1:  # 1: some pictures could not be read, which the command listed
            raise RuntimeError(f"the command ended with status {status}")

    def checkpoint(self) -> DelayedSubmission:
        """submitit calls it when time is up: the training writes its state, and the job goes to the queue again."""
        from submitit.core.utils import DelayedSubmission

        if self._child is not None:
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_S)
        return DelayedSubmission(ClusterCommand(self.words))

    def __getstate__(self) -> dict[str, Any]:
        return {"words": self.words, "_child": None}


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


__all__ = ["ClusterCommand", "ClusterPlan", "job_script", "submit"]
