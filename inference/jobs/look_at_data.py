"""The job behind `main.py data look`: what a data set holds, and a sheet of its pictures with the masks drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from inference.errors import AppError, StorageError
from inference.protocol import Context


@dataclass(frozen=True, slots=True)
class LookAtDataRequest:
    """Which data sets to look at, as `train sam2` would read them.

    Attributes:
        data: anything that `inference.training.data.find_data` reads.
        out: a folder for `look.json` and `sheet.png`; None: nothing is written.
        split: of a folder with several, which one.
        seed: chooses the pictures of the sheet.
    """

    data: tuple[str, ...]
    out: str | None = None
    split: str = "train"
    seed: int = 0

    lane: ClassVar[str] = "child"

    def argv(self) -> list[str]:
        """The command line that does the same."""
        words = ["data", "look", *self.data, "--split", self.split, "--seed", str(self.seed), "--json"]
        return [*words, "--out", self.out] if self.out else words

    @staticmethod
    def parse(result: dict[str, Any]) -> LookAtDataResult:
        """From the answer of the command line."""
        figures = {k: v for k, v in result.items() if k not in ("failures", "sheet")}
        return LookAtDataResult(figures, result.get("sheet"))


@dataclass(frozen=True, slots=True)
class LookAtDataResult:
    """The figures (`inference.data_sets.look.Look` as a dictionary) and where the sheet is."""

    figures: dict[str, Any] = field(default_factory=dict)
    sheet: str | None = None


def run(request: LookAtDataRequest, context: Context) -> LookAtDataResult:
    """Raises FormatError and StorageError; broken pictures are listed in the figures."""
    from inference.data_sets.look import contact_sheet, look_at
    from inference.training.data import find_data

    problems: list[AppError] = []
    records = [record for source in request.data for record in find_data(Path(source), request.split, problems)]
    look = look_at(records, problems, lambda done, total: context.progress(done, total, "looking"))
    figures, sheet = look.as_dict(), None
    if request.out:
        out = Path(request.out)
        sheet = str(out / "sheet.png")
        figures["problems"] = contact_sheet(records, out / "sheet.png", seed=request.seed) | figures["problems"]
        try:
            text = json.dumps(figures, indent=1, ensure_ascii=False)
            (out / "look.json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"The figures cannot be written ({error.strerror or error}).", out, "Choose another folder."
            ) from error
    return LookAtDataResult(figures, sheet)
