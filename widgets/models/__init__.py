"""The Models workspace: models to fetch and use, trainings, measurements."""
