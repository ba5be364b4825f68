"""Everything that needs a model. Importing this package never imports torch."""
