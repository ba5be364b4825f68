"""Data sets written and read. `export(source, format_id, out, options, progress)` is the way in."""

from app.formats.export import export
from app.formats.options import ExportOptions
from app.formats.registry import FORMATS, format_of
from app.formats.source import MemorySource, ProjectSource, Source, SourceImage
from app.formats.summary import ExportSummary, Note, Severity

__all__ = [
    "FORMATS",
    "ExportOptions",
    "ExportSummary",
    "MemorySource",
    "Note",
    "ProjectSource",
    "Severity",
    "Source",
    "SourceImage",
    "export",
    "format_of",
]
