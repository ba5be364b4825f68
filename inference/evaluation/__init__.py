"""Metrics, simulated annotators and reports: how good a model is on annotated pictures."""
