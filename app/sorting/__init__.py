"""Filing pictures under classes: folders, moves that survive crashes, suggestions, search, duplicates. No torch."""
