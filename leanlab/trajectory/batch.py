"""Batch and Row: functions compiled together: many values of one, many functions on one value.

A call of a Python function costs more than what most bodies do. Where a body is a single
expression, it is written into the loop; where it might change its argument, it gets a copy.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.bodies import NAMES
from leanlab.trajectory.images import Image
from leanlab.trajectory.preimages import preimage
from leanlab.trajectory.spans import located
from leanlab.trajectory.undoing import unknown
from leanlab.trajectory.values import (
    INTEGER_BOUND,
    KINDS,
    MAX_SIZE,
    PLAIN_KEYS,
    fresh,
    identity,
    within_caps,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

    from leanlab.trajectory.library import FunctionDef
    from leanlab.trajectory.locating import Locate

    Body = Callable[[Any], Any]
    Distances = Mapping[str, Mapping[Hashable, int]]

_CHANGING = frozenset({
    "add", "append", "clear", "difference_update", "discard", "extend", "insert",
    "intersection_update", "pop", "popitem", "remove", "reverse", "setdefault", "sort",
    "symmetric_difference_update", "update",
})  # fmt: skip
"""Every method that changes a value of a plain type."""


# Statements that keep what was made, by its type. The key comes last, so that there is one of each
# function whatever fails.
_KEEP_OTHER = """\
            _one = _identity(_made)
            if _one not in _seen:
                _see(_one)
                if _within_caps(_made): _new(_fresh(_made))
            _key(_one)
"""
_KEEP_PLAIN = """\
            if _made not in _seen:
                _see(_made)
                if {caps}: _new(_made)
            _key(_made)
"""
_CAPS = {bool: "True", int: "-_INTEGER_BOUND < _made < _INTEGER_BOUND"}
_CAPS_OF_TEXT = "len(_made) < _MAX_SIZE"
# Zeros and NaNs are seen by their identities: == does not tell them apart as states are.
_KEEP_FLOAT = """\
            if _made not in _seen:
                if _made and _made == _made:
                    _see(_made)
                    _new(_made)
                elif _identity(_made) not in _seen:
                    _see(_identity(_made))
                    _new(_fresh(_made))
            _key(_made)
"""


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
        lines = [f"    _near_{i} = _distances[{kind!r}]" for i, kind in enumerate(kinds)]
        for place, function in enumerate(self.functions):
            near = f"_near_{kinds.index(function.output_type)}"
            lines += self._tried(
                place,
                f"if {near}:",
                f"    _distance = {near}.get({_key(KINDS[function.output_type])})",
                f"    if _distance is not None: _add(({place}, _made, _distance))",
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
        self._functions, self._bodies = functions, bodies
        self._expressions, self._names = _written(functions, bodies)

    @cached_property
    def _singles(self) -> list[Single]:
        return [Single(one, self._bodies) for one in self._functions]

    @cached_property
    def telling(self) -> list[Single]:
        """The functions that may tell what they were given, one by one."""
        return [one for one in self._singles if one.preimage is not unknown]

    @cached_property
    def others(self) -> list[tuple[Locate, Batch]]:
        """The others, each with what tells where it is, together where that is the same."""
        return self._alike([one for one in self._singles if one.preimage is unknown])

    @cached_property
    def located(self) -> list[tuple[Locate, Batch]]:
        """All functions, each with what tells where it is, together where that is the same."""
        return self._alike(self._singles)

    def _alike(self, singles: list[Single]) -> list[tuple[Locate, Batch]]:
        found: dict[Locate, list[FunctionDef]] = defaultdict(list)
        for one in singles:
            found[one.locate] += one._functions
        return [
            (locate, self if len(each) == self.size else Batch(each, self._bodies))
            for locate, each in found.items()
        ]

    @cached_property
    def make(self) -> Callable[[Sequence[Any], set[Hashable], list[Any], list[Hashable]], None]:
        """Takes values, what was seen, a layer, and keys.

        What the functions make that was not seen is marked as seen, and goes into the layer unless
        it is too large. The keys get one for each value and function, values one after the other:
        what is made, where that is a key or a float, or else its identity; None where a function
        raises, or returns another type than it declares.
        """
        image = Image(KINDS[self.input_type])
        kept = _KEEP_FLOAT if self.kind is float else _KEEP_OTHER
        if self.kind in PLAIN_KEYS:
            kept = _KEEP_PLAIN.format(caps=_CAPS.get(self.kind, _CAPS_OF_TEXT))
        lines = ["def run(_values, _seen, _layer, _keys):"]
        lines += ["    _see, _new, _key = _seen.add, _layer.append, _keys.append"]
        lines += ["    for x in _values:"]
        for function, expression in zip(self._functions, self._expressions, strict=True):
            body = returned(function)
            lines += ["        try:", f"            _made = {expression}"]
            if body is None or image.type(body) is not self.kind:
                lines += [
                    f"            if _type(_made) is not _{self.kind.__name__}: raise _TypeError"
                ]
            lines += [kept, "        except Exception:", "            _key(None)"]
        return _compiled(lines, self._names)

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

    @cached_property
    def typed(self) -> Callable[[Sequence[Any]], list[Any]]:
        """Takes values, and returns what the functions make of them of the type they declare."""
        name = f"_{self.kind.__name__}"
        return self._loop(f"_add(_made) if _type(_made := {{}}) is {name} else None")

    def _loop(self, statement: str) -> Callable[..., list[Any]]:
        lines = ["def run(_values, _given=None):", "    _found = []", "    _add = _found.append"]
        lines.append("    for x in _values:")
        for expression in self._expressions:
            lines += ["        try:", f"            {statement.format(expression)}"]
            lines += ["        except Exception:", "            pass"]
        lines.append("    return _found")
        return _compiled(lines, self._names)


class Single(Batch):
    """A Batch of one function, which may tell what it was given from what it made."""

    def __init__(self, function: FunctionDef, bodies: Mapping[str, Body]) -> None:
        super().__init__([function], bodies)
        self.expression = returned(function)
        self.preimage = preimage(self.expression, function.input_type, function.output_type)
        self.locate = located(self.expression, function.input_type)


def _key(kind: type) -> str:
    """What stands for the identity of what was made, of that kind."""
    if kind in PLAIN_KEYS:
        return "_made"
    if kind is float:
        return "_made if _made and _made == _made else _identity(_made)"
    return "_identity(_made)"


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
        "_within_caps": within_caps,
        "_INTEGER_BOUND": INTEGER_BOUND,
        "_MAX_SIZE": MAX_SIZE,
        "_TypeError": TypeError,
        "_type": type,
    }
    names |= {f"_{kind.__name__}": kind for kind in KINDS.values()}
    names |= {f"_body_{one.name}": bodies[one.name] for one in functions}
    return [_expression(one, f"_body_{one.name}") for one in functions], names


def careful(function: FunctionDef, body: Body) -> Body:
    """Return the function's body, or what runs it on a copy where it might change its argument."""
    return (lambda x: body(fresh(x))) if _changes(_definition(function)) else body


def _expression(function: FunctionDef, body: str) -> str:
    """What stands for a call of the function, whose body has that name, on x."""
    definition = _definition(function)
    if _changes(definition):
        return f"{body}(_fresh(x))"
    alone = returned(function)
    return f"{body}(x)" if alone is None else f"({ast.unparse(alone)})"


def returned(function: FunctionDef) -> ast.expr | None:
    """Return the expression that is all of a function's body, if it is one that changes nothing."""
    definition = _definition(function)
    (first, *others) = definition.body
    if others or not isinstance(first, ast.Return) or _changes(definition):
        return None
    named = any(isinstance(node, ast.NamedExpr) for node in ast.walk(definition))
    return None if named else first.value


def returns_argument(function: FunctionDef) -> bool:
    """Tell whether a function shows to return what it is given: it leads nowhere."""
    body = returned(function)
    same_type = function.input_type == function.output_type
    return same_type and isinstance(body, ast.Name) and body.id == "x"


def _definition(function: FunctionDef) -> ast.FunctionDef:
    source = "def function(x):\n" + textwrap.indent(textwrap.dedent(function.code), "    ")
    return ast.parse(source).body[0]  # type: ignore[return-value]


def _changes(definition: ast.FunctionDef) -> bool:
    return any(map(_may_change, ast.walk(definition)))


def _may_change(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _CHANGING
    if isinstance(node, ast.Subscript):
        return not isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.AugAssign)
