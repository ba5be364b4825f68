"""Files that Winnow leaves in folders to know them again."""

from __future__ import annotations

EXPORT_MARKER = ".winnow-export.json"
"""Lies in every export and lists its files, so that a later one may replace them; scans leave its folder out."""
