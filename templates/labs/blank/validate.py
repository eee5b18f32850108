"""Check the contract of task.md by reading an experiment; nothing of it is run."""

import ast

from leanlab import labkit


def validate(source: str, _lab: labkit.Lab) -> str | None:
    """Return what breaks the contract, in one sentence; None when nothing does."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return f"It is not Python: {error}."
    if "f" not in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]:
        return "It defines no f at module level: write def f(x: float)."
    return None


if __name__ == "__main__":
    labkit.main_validate(validate)
