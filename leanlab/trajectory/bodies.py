"""Bodies: the source of a function of `x`, checked and compiled.

The check keeps mistakes and plain mischief out: no import, no name or attribute that begins with an
underscore, no name beyond the list below, no attribute that the plain types do not have. It is no
confinement, for there is no bound on time or memory in it: a library from someone else runs behind
the sandbox, or when its user says that it is trusted.
"""

from __future__ import annotations

import ast
import builtins
import math
import textwrap
from types import FunctionType
from typing import TYPE_CHECKING, Any

from leanlab.labkit import ConfigError
from leanlab.trajectory.values import KINDS, canonical, stable_hash

if TYPE_CHECKING:
    from collections.abc import Callable

_BUILTINS = (
    "abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "chr", "complex", "dict",
    "divmod", "enumerate", "filter", "float", "frozenset", "hex", "int", "isinstance",
    "iter", "len", "list", "map", "max", "min", "next", "oct", "ord", "pow", "range", "repr",
    "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
    "ArithmeticError", "AttributeError", "Exception", "IndexError", "KeyError", "OverflowError",
    "StopIteration", "TypeError", "ValueError", "ZeroDivisionError",
)  # fmt: skip

NAMES: dict[str, Any] = {
    **{name: getattr(builtins, name) for name in _BUILTINS},
    "math": math,
    "canonical": canonical,
    "stable_hash": stable_hash,
    # Python's own differs from process to process.
    "hash": stable_hash,
}
"""Everything that a body may name beside `x` and its own variables."""

ATTRIBUTES = frozenset(
    name
    for owner in (*KINDS.values(), frozenset, math)
    for name in dir(owner)
    # format reaches any attribute of its arguments, by name, in a string.
    if not name.startswith("_") and name not in ("format", "format_map")
)

_FORBIDDEN = {
    ast.Import: "an import",
    ast.ImportFrom: "an import",
    ast.Global: "a global statement",
    ast.Nonlocal: "a nonlocal statement",
    ast.ClassDef: "a class",
    ast.AsyncFunctionDef: "async",
    ast.Await: "await",
    ast.Yield: "a yield",
    ast.YieldFrom: "a yield",
    # Its class patterns read attributes by name.
    ast.Match: "a match statement",
}

MAX_CODE = 20_000


class BadBody(ConfigError):
    """A function's code cannot be used; the message begins with what is wrong with it."""


def compiled(code: str, name: str) -> Callable[[Any], Any]:
    """Return the function whose body is code. Raises BadBody; nothing of code runs here."""
    if len(code) > MAX_CODE:
        raise BadBody(f"its code is longer than {MAX_CODE:,} characters.")
    source = "def function(x):\n" + textwrap.indent(textwrap.dedent(code), "    ")
    try:
        tree = ast.parse(source)
        _check(tree)
        module = compile(tree, f"<{name}>", "exec")
    except SyntaxError as error:
        line = f" in line {error.lineno - 1}" if error.lineno and error.lineno > 1 else ""
        raise BadBody(f"its code does not compile: {error.msg}{line}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadBody(f"its code does not compile: {error or type(error).__name__}.") from None
    (constant,) = (each for each in module.co_consts if hasattr(each, "co_code"))
    return FunctionType(constant, {"__builtins__": {}, **NAMES}, name)


def _check(tree: ast.Module) -> None:
    if len(tree.body) != 1:
        raise BadBody("its code is no body of a function: a line of it is not indented.")
    own = {"x"} | {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    own |= {str(node.name) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)}
    for node in ast.walk(tree):
        line = f" (line {node.lineno - 1})" if hasattr(node, "lineno") else ""
        if type(node) in _FORBIDDEN:
            raise BadBody(f"its code has {_FORBIDDEN[type(node)]}, which no body may have{line}.")
        if isinstance(node, ast.Attribute) and (
            node.attr not in ATTRIBUTES or not isinstance(node.ctx, ast.Load)
        ):
            raise BadBody(f"its code uses .{node.attr}, which no body may use{line}.")
        if isinstance(node, ast.Name) and node.id not in own and node.id not in NAMES:
            raise BadBody(f"its code names {node.id}, which no body may name{line}.")
    for name in own:
        if name.startswith("_") and name.strip("_"):
            raise BadBody(f"its code names {name}: no name may begin with an underscore.")
