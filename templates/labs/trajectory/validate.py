"""Check the contract of task.md by reading an experiment; nothing of it is run."""

import ast
import sys

from leanlab import labkit

OUTSIDE = {
    "asyncio", "builtins", "ctypes", "fileinput", "glob", "http", "importlib", "io", "logging",
    "mmap", "multiprocessing", "os", "pathlib", "select", "shutil", "signal", "socket", "sqlite3",
    "ssl", "subprocess", "sys", "tempfile", "threading", "urllib",
}  # fmt: skip
CALLS = {"__import__", "breakpoint", "input", "open", "print"}


def validate(source: str, _lab: labkit.Lab) -> str | None:
    """Return what breaks the contract, in one sentence; None when nothing does."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return f"It is not Python: {error}."
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "solve"]
    if len(functions) != 1:
        return f"It defines solve at module level {len(functions)} times, not once."
    arguments = functions[0].args
    given = len(arguments.posonlyargs) + len(arguments.args)
    required = given - len(arguments.defaults)
    if required > 4 or (given < 4 and not arguments.vararg) or None in arguments.kw_defaults:
        return (
            "solve cannot be called with four: write def solve(inputs, outputs, library, budget)."
        )
    docstring = ast.get_docstring(functions[0])
    if not docstring or "\n" in docstring:
        return "solve needs a docstring of one line that says how it searches."
    return next(filter(None, map(_outside, ast.walk(tree))), None)


def _outside(node: ast.AST) -> str | None:
    if isinstance(node, ast.Import):
        modules = [alias.name.partition(".")[0] for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = ["." if node.level else (node.module or "").partition(".")[0]]
    else:
        modules = []
    for module in modules:
        if module not in sys.stdlib_module_names:
            return f"Line {node.lineno} imports {module}, which is not in the standard library."
        if module in OUTSIDE:
            return f"Line {node.lineno} imports {module}: a solver needs no input or output."
    if isinstance(node, ast.Name) and node.id in CALLS:
        return f"Line {node.lineno} uses {node.id}: a solver needs no input or output."
    return None


if __name__ == "__main__":
    labkit.main_validate(validate)
