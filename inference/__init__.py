"""Everything that needs a model. Importing this package never imports torch.

For notebooks and scripts: `from inference import segment_text, segment_everything, cutout` (docs/python-api.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.api import cutout, segment_everything, segment_text

__all__ = ["cutout", "segment_everything", "segment_text"]


def __getattr__(name: str) -> Any:
    """The functions of `inference.api`, fetched when they are first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from inference import api

    return getattr(api, name)
