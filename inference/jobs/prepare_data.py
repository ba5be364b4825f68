"""The job behind `main.py data oxford-pets`: the Oxford-IIIT Pet set into SAM 2's training layout."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from inference.errors import AppError
from inference.protocol import Context


@dataclass(frozen=True, slots=True)
class PreparePetsRequest:
    """What to convert.

    Attributes:
        source: the folder with `images` and `annotations`; out: a new or empty one.
        split: "random" (by breed and `seed`, `val_share` to choose on) or "official" (trainval and test).
    """

    source: str
    out: str
    split: str = "random"
    val_share: float = 0.2
    seed: int = 0

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["data", "oxford-pets", "--source", self.source, "--out", self.out, "--split", self.split]
        return [*words, "--val-share", str(self.val_share), "--seed", str(self.seed), "--json"]

    @staticmethod
    def parse(result: dict[str, Any]) -> PreparePetsResult:
        """From the answer of the command line."""
        failures = (AppError(f["message"], f["path"], f["remedy"]) for f in result.get("failures", []))
        return PreparePetsResult(int(result["train"]), int(result["val"]), tuple(failures))


@dataclass(frozen=True, slots=True)
class PreparePetsResult:
    """How many pictures went to each part, and the pairs that were left out."""

    train: int
    val: int
    failures: tuple[AppError, ...] = field(default=())


def run(request: PreparePetsRequest, context: Context) -> PreparePetsResult:
    """Raises FormatError, StorageError, UsageError; broken pairs are listed."""
    from inference.data_sets.oxford_pets import convert_pets

    done = convert_pets(
        Path(request.source), Path(request.out), request.split, request.val_share, request.seed, context.progress
    )
    return PreparePetsResult(len(done.train), len(done.val), done.problems)
