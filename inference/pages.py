"""HTML pages from the templates in `resources/`: each a file that needs no other, in one style (`page.css`)."""

from __future__ import annotations

import html
from string import Template

from inference import paths


def page(template: str, title: str, subtitle: str, **parts: str) -> str:
    """A page of `resources/{template}`. `parts` are HTML; title and subtitle are escaped."""
    style = paths.resource("page.css").read_text(encoding="utf-8")
    text = Template(paths.resource(template).read_text(encoding="utf-8"))
    return text.substitute(title=html.escape(title), subtitle=html.escape(subtitle), style=style, **parts)
