"""The curves of a run: `metrics.jsonl`, `metrics.csv` and TensorBoard's files, all with the same rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import TracebackType
from typing import Any

from inference.errors import StorageError

COLUMNS = (
    "step", "epoch", "seconds", "loss", "loss_focal", "loss_dice", "loss_iou", "iou_click", "iou_box", "iou_mask",
    "norm", "lr", "lr_trunk", "val_iou", "val_box", "val_click1", "val_click2", "val_click3",
)  # fmt: skip
"""What a row can hold; a row of training and one of validation each hold their part."""


class RunLog:
    """Appends rows. Opening it drops rows after `step`: a run that was killed goes on from an earlier state.

    Args:
        out: the run's folder; None keeps nothing, for processes that do not lead.
        validated: the validation at `step` is done; otherwise its row is dropped too, for it will be done again.

    Raises StorageError where the files cannot be written.
    """

    def __init__(self, out: Path | None, step: int, validated: bool = True) -> None:
        self._out = out
        if out is None:
            return
        from torch.utils.tensorboard import SummaryWriter

        self._json, self._csv = out / "metrics.jsonl", out / "metrics.csv"
        last = step if validated else step - 1
        rows = [r for r in read_rows(self._json) if r["step"] <= (last if "val_iou" in r else step)]
        try:
            out.mkdir(parents=True, exist_ok=True)
            self._json.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            with self._csv.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)
            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)
        except OSError as error:
            raise _unwritten(out, error) from error

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        if self._out is not None:
            self._board.close()

    def add(self, row: dict[str, Any]) -> None:
        """Numbers by the names of `COLUMNS`; `step` is one of them."""
        if self._out is None:
            return
        try:
            with self._json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            with self._csv.open("a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, COLUMNS, extrasaction="ignore").writerow(row)
            for name, value in row.items():
                if name in COLUMNS[3:]:
                    self._board.add_scalar(name, value, row["step"])
        except OSError as error:
            raise _unwritten(self._out, error) from error


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`; none without one. A line cut off by a crash is passed over."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


def as_text(row: dict[str, Any]) -> str:
    """A row on one line, for people."""
    return " ".join(f"{k} {_short(v)}" for k, v in row.items() if isinstance(v, (int, float)))


def _short(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.3f}"


def _unwritten(out: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The run's figures cannot be written ({error.strerror or error}).", out, "Free space on the disk."
    )


__all__ = ["COLUMNS", "RunLog", "as_text", "read_rows"]
