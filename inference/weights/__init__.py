"""Weights on disk and how they get there: manifest, download, verification, import, removal. No torch."""
