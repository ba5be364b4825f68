"""The Sort workspace: a grid of pictures, class folders to drop them on, suggestions under review, search, stacks."""
