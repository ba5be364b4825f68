"""Trainings as the window sees them: orders that become requests, and the folders that runs leave."""
