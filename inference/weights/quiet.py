"""The listener for those who do not listen."""


def silent(*_: object) -> None:
    """Takes any report of progress and does nothing."""
