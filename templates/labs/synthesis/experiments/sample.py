"""A baseline, to show the form."""


def f(x: str) -> int:
    """1 exactly when the first character is 1."""
    return int(x[0] == "1")
