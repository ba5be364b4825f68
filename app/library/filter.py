"""Which pictures a list shows. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from app.instance import ImageState, ImageSummary

UNLABELLED = -1
"""For `ImageModel.set_filter(class_id=…)`: pictures with instances that have no class."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown; None and "" show all."""

    text: str = ""
    state: ImageState | None = None
    subfolder: str | None = None
    class_id: int | None = None

    def keeps(self, image_id: str, summary: ImageSummary | None) -> bool:
        if self.text and self.text not in image_id.casefold():
            return False
        if self.subfolder and not image_id.startswith(self.subfolder + "/"):
            return False
        if self.state is not None and (summary.state if summary else ImageState.TODO) is not self.state:
            return False
        if self.class_id is None:
            return True
        wanted = None if self.class_id == UNLABELLED else self.class_id
        return summary is not None and wanted in summary.classes
