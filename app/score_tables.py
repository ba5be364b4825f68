"""The scores of many pictures as files: one CSV for spreadsheets, one JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.subjects.outputs import storing, write_whole
from inference.errors import UsageError
from inference.jobs.classify import ClassifyItem
from inference.prompt_sets import PromptSet
from inference.scoring import Scores

ABOUT = "Scores by Winnow"  # also how a later run knows the files as its own
CSV, JSON = "scores.csv", "scores.json"


@dataclass(slots=True)
class ScoreTables:
    """Collects scores and writes `scores.csv` and `scores.json`.

    Args:
        folder: made when it is not there. UsageError when it holds files of these names from elsewhere.
        prompt_set: whose items the columns are.
    """

    folder: Path
    prompt_set: PromptSet
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with storing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            there = [self.folder / name for name in (JSON, CSV) if (self.folder / name).exists()]
            if there and not self._ours():
                raise UsageError(
                    "This is there already and was not written by a run like this.", there[0], "Choose another --out."
                )

    def add(self, item: ClassifyItem) -> dict[str, Any]:
        """Takes a picture's scores or its failure and returns its row."""
        self.rows.append(
            as_row(item.path, item.scores) if item.scores else {"image": item.path, "error": str(item.error)}
        )
        return self.rows[-1]

    def write(self, about: dict[str, Any]) -> tuple[Path, Path]:
        """Writes both files beside their places and renames them. StorageError."""
        document = {"about": ABOUT, **about, "prompt_set": self.prompt_set.to_json(), "images": self.rows}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        return self._save(CSV, self._table()), self._save(JSON, text)

    def _ours(self) -> bool:
        index = self.folder / JSON
        if not index.is_file():
            return False
        with index.open("rb") as file:
            return ABOUT.encode() in file.read(200)

    def _table(self) -> str:
        names = self.prompt_set.names
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(["image", "label", "confidence", "prompt", *names, "error"])
        for row in self.rows:
            values = [row["scores"][name] for name in names] if "scores" in row else [""] * len(names)
            said = [row.get("label") or "", row.get("confidence", ""), row.get("prompt", "")]
            writer.writerow([row["image"], *said, *values, row.get("error", "")])
        return buffer.getvalue()

    def _save(self, name: str, text: str) -> Path:
        data = text.encode("utf-8", "backslashreplace")  # names of files need not be UTF-8
        return write_whole(self.folder / name, data)


def as_row(path: str, scores: Scores) -> dict[str, Any]:
    """Scores for machines. `label` is None for "none of these"."""
    values = {name: round(float(value), 6) for name, value in zip(scores.items, scores.values, strict=True)}
    confidence = round(scores.confidence, 6)
    return {"image": path, "label": scores.label, "confidence": confidence, "prompt": scores.prompt, "scores": values}


def counts(rows: Iterable[dict[str, Any]], prompt_set: PromptSet) -> list[tuple[str, int]]:
    """How many pictures each item got, in the set's order, then "none of these"; items without any are left out."""
    labels = [row.get("label") for row in rows if "scores" in row]
    found = [(name, labels.count(name)) for name in prompt_set.names]
    return [(name, count) for name, count in (*found, ("none of these", labels.count(None))) if count]
