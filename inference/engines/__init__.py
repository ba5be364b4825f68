"""One file a model family. Torch lives here; nothing outside inference/engines, training, evaluation and jobs imports it."""
