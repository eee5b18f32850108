"""Check the contract of task.md by reading an experiment; nothing of it is run."""

import ast

from leanlab import labkit


def validate(source: str, _lab: labkit.Lab) -> str | None:
    """Return what breaks the contract, in one sentence; None when nothing does."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return f"It is not Python: {error}."
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in ("fit", "predict"):
        if name not in names:
            return f"It defines no {name} at module level."
    return None


if __name__ == "__main__":
    labkit.main_validate(validate)
