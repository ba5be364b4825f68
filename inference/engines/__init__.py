"""One file a model family. Torch lives here; only engines, training, evaluation and jobs import it."""
