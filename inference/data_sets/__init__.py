"""Data sets that others made, read for training and evaluation. Nothing in them is trusted. No torch."""
