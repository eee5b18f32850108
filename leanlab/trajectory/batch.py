"""Batch and Row: functions compiled together: many values of one, many functions on one value.

A call of a Python function costs more than what most bodies do. Where a body is a single
expression, it is written into the loop; where it might change its argument, it gets a copy.
"""

from __future__ import annotations

import ast
import textwrap
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.bodies import NAMES
from leanlab.trajectory.values import KINDS, PLAIN_KEYS, fresh, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

    from leanlab.trajectory.library import FunctionDef

    Body = Callable[[Any], Any]
    Distances = Mapping[str, Mapping[Hashable, int]]

_CHANGING = frozenset({
    "add", "append", "clear", "difference_update", "discard", "extend", "insert",
    "intersection_update", "pop", "popitem", "remove", "reverse", "setdefault", "sort",
    "symmetric_difference_update", "update",
})  # fmt: skip
"""Every method that changes a value of a plain type."""


def equals_itself(target: Any) -> bool:
    """Tell whether all that is right where target was asked for == target: no NaN is in it."""
    return type(target) in PLAIN_KEYS or "nan" not in repr(target)


class Row:
    """Functions of one input type, run on one value in one go; compiled on first use.

    Where a function raises, or returns another type than it declares, there is nothing.
    """

    def __init__(
        self, functions: Sequence[FunctionDef], bodies: Mapping[str, Body], goal: str
    ) -> None:
        self.functions = functions
        self.ending = [i for i, one in enumerate(functions) if one.output_type == goal]
        """Places of the functions that return the goal's type."""
        self._expressions, self._names = _written(functions, bodies)

    @cached_property
    def near(self) -> Callable[[Any, Distances, Callable[[tuple[int, Any, int]], None]], None]:
        """Takes a value, distances by type and key, and what takes each hit.

        A hit is what a function makes that has a distance: the function's place, what it made,
        and the distance.
        """
        kinds = sorted({one.output_type for one in self.functions})
        lines = [f"    _get_{i} = _distances[{kind!r}].get" for i, kind in enumerate(kinds)]
        for place, function in enumerate(self.functions):
            kind = function.output_type
            key = "_made" if KINDS[kind] in PLAIN_KEYS else "_identity(_made)"
            lines += self._tried(
                place,
                f"_distance = _get_{kinds.index(kind)}({key})",
                f"if _distance is not None: _add(({place}, _made, _distance))",
            )
        return _compiled(["def run(x, _distances, _add):", *lines, "    return"], self._names)

    @cached_property
    def ends(self) -> Callable[[Any, Any, Callable[[Any], bool], Callable[[int], None]], None]:
        """Takes a value, a goal, what tells it from other values, and what takes each hit.

        A hit is the place of a function that makes the goal. Only what == the goal is looked at.
        """
        lines: list[str] = []
        for place in self.ending:
            lines += self._tried(place, f"if _made == _goal and _is_goal(_made): _add({place})")
        return _compiled(["def run(x, _goal, _is_goal, _add):", *lines, "    return"], self._names)

    def _tried(self, place: int, *statements: str) -> list[str]:
        """Return what does something with what the function at that place makes."""
        kind = KINDS[self.functions[place].output_type]
        return [
            "    try:",
            f"        _made = {self._expressions[place]}",
            f"        if _type(_made) is _{kind.__name__}:",
            *(f"            {statement}" for statement in statements),
            "    except Exception: pass",
        ]


class Batch:
    """The functions from one type to another, run on many values; compiled on first use.

    Where a function raises there is nothing: no value made, no value returned for it.
    """

    def __init__(self, functions: Sequence[FunctionDef], bodies: Mapping[str, Body]) -> None:
        self.input_type = functions[0].input_type
        self.output_type = functions[0].output_type
        self.kind = KINDS[self.output_type]
        self.size = len(functions)
        self._expressions, self._names = _written(functions, bodies)

    @cached_property
    def made(self) -> Callable[[Sequence[Any]], list[Any]]:
        """Takes values, and returns what the functions make of them, in no order."""
        return self._loop("_add({})")

    @cached_property
    def equal(self) -> Callable[[Sequence[Any], Any], list[Any]]:
        """Takes values and a goal; returns the values of which a function makes what == goal."""
        return self._loop("if {} == _given: _add(x); continue")

    @cached_property
    def accepted(self) -> Callable[[Sequence[Any], Callable[[Any], bool]], list[Any]]:
        """The same, for what the second argument is true of."""
        return self._loop("if _given({}): _add(x); continue")

    @cached_property
    def among(self) -> Callable[[Sequence[Any], Collection[Hashable]], list[Any]]:
        """The same, for what is one of the second argument, hashable as it is."""
        return self._loop("if {} in _given: _add(x); continue")

    def _loop(self, statement: str) -> Callable[..., list[Any]]:
        lines = ["def run(_values, _given=None):", "    _found = []", "    _add = _found.append"]
        lines.append("    for x in _values:")
        for expression in self._expressions:
            lines += ["        try:", f"            {statement.format(expression)}"]
            lines += ["        except Exception:", "            pass"]
        lines.append("    return _found")
        return _compiled(lines, self._names)


def _compiled(lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    found: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<functions>", "exec"), names, found)  # noqa: S102 - checked
    return found["run"]  # type: ignore[no-any-return]


def _written(
    functions: Sequence[FunctionDef], bodies: Mapping[str, Body]
) -> tuple[list[str], dict[str, Any]]:
    """Return an expression of x for each function, and the names that they need."""
    names: dict[str, Any] = {
        "__builtins__": {},
        **NAMES,
        "_fresh": fresh,
        "_identity": identity,
        "_type": type,
    }
    names |= {f"_{kind.__name__}": kind for kind in KINDS.values()}
    names |= {f"_body_{one.name}": bodies[one.name] for one in functions}
    return [_expression(one, f"_body_{one.name}") for one in functions], names


def _expression(function: FunctionDef, body: str) -> str:
    """What stands for a call of the function, whose body has that name, on x."""
    source = "def function(x):\n" + textwrap.indent(textwrap.dedent(function.code), "    ")
    definition = ast.parse(source).body[0]
    nodes = list(ast.walk(definition))
    if any(map(_may_change, nodes)):
        return f"{body}(_fresh(x))"
    (first, *others) = definition.body  # type: ignore[attr-defined]
    alone = isinstance(first, ast.Return) and first.value is not None and not others
    if not alone or any(isinstance(node, ast.NamedExpr) for node in nodes):
        return f"{body}(x)"
    return f"({ast.unparse(first.value)})"


def _may_change(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _CHANGING
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.AugAssign)
