"""Batch: one function, run on many values in one comprehension.

A call of a Python function costs more than what most bodies do. Where a body is a single
expression, it is written into the loop; where it might change its argument, it gets a copy.
"""

from __future__ import annotations

import ast
import textwrap
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.bodies import NAMES
from leanlab.trajectory.values import KINDS, fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from leanlab.trajectory.library import FunctionDef

_CHANGING = frozenset({
    "add", "append", "clear", "difference_update", "discard", "extend", "insert",
    "intersection_update", "pop", "popitem", "remove", "reverse", "setdefault", "sort",
    "symmetric_difference_update", "update",
})  # fmt: skip
"""Every method that changes a value of a plain type."""

_LOOPS = """
def {name}(_values{more}):
    return [{take} for x in _values{condition}]

def {name}_slowly(_values{more}):
    _found = []
    for x in _values:
        try:
            {test}_found.append({take})
        except Exception:
            pass
    return _found
"""


class Batch:
    """A function of a library, compiled for loops on first use."""

    def __init__(self, function: FunctionDef, body: Callable[[Any], Any]) -> None:
        self.name = function.name
        self.body = body
        self.input_type = function.input_type
        self.output_type = function.output_type
        self.kind = KINDS[function.output_type]
        self._expression = _expression(function)
        self._names = {"__builtins__": {}, **NAMES, "_body": body, "_fresh": fresh}
        self._loops: dict[str, Any] = {}
        self._raises = False

    def made(self, values: Sequence[Any]) -> list[Any]:
        """Return what the function makes of those values on which it does not raise."""
        return self._run("made", "", None, values)

    def equal(self, values: Sequence[Any], goal: Any) -> list[Any]:
        """Return the values of which the function makes what == goal."""
        return self._run("equal", "{} == _given", goal, values)

    def accepted(self, values: Sequence[Any], accept: Callable[[Any], bool]) -> list[Any]:
        """Return the values of which the function makes what accept is true of."""
        return self._run("accepted", "_given({})", accept, values)

    def among(self, values: Sequence[Any], keys: Collection[Hashable]) -> list[Any]:
        """Return the values of which the function makes one of keys, hashable as it is."""
        return self._run("among", "{} in _given", keys, values)

    def _run(self, name: str, test: str, given: Any, values: Sequence[Any]) -> list[Any]:
        if name not in self._loops:
            self._compile(name, test.format(self._expression) if test else "")
        fast, slow = self._loops[name]
        arguments = (values, given) if test else (values,)
        if not self._raises:
            try:
                return fast(*arguments)  # type: ignore[no-any-return]
            except Exception:  # noqa: BLE001 - a body may raise anything
                # It will again on others: the next batches do not try in vain.
                self._raises = True
        return slow(*arguments)  # type: ignore[no-any-return]

    def _compile(self, name: str, test: str) -> None:
        source = _LOOPS.format(
            name=name,
            more=", _given" if test else "",
            take="x" if test else self._expression,
            condition=f" if {test}" if test else "",
            test=f"if {test}: " if test else "",
        )
        exec(compile(source, f"<{self.name}>", "exec"), self._names)  # noqa: S102 - a checked body
        self._loops[name] = (self._names[name], self._names[f"{name}_slowly"])


def _expression(function: FunctionDef) -> str:
    """What stands for a call of the function on x."""
    source = "def function(x):\n" + textwrap.indent(textwrap.dedent(function.code), "    ")
    definition = ast.parse(source).body[0]
    nodes = list(ast.walk(definition))
    if any(map(_may_change, nodes)):
        return "_body(_fresh(x))"
    (first, *others) = definition.body  # type: ignore[attr-defined]
    alone = isinstance(first, ast.Return) and first.value is not None and not others
    if not alone or any(isinstance(node, ast.NamedExpr) for node in nodes):
        return "_body(x)"
    return f"({ast.unparse(first.value)})"


def _may_change(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _CHANGING
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.AugAssign)
