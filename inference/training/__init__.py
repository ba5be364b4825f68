"""Data sets, losses and training loops that a person can read from top to bottom."""
