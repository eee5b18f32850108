"""Lists as text: the tagged JSON that task files hold, and the literals that people type.

JSON has no tuples, sets, bytes and so on; they are objects of one key, such as
{"__tuple__": [1, 2]}. NaN, Infinity and -Infinity stand bare, as Python writes them.
"""

from __future__ import annotations

import ast
import json
import math
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.values import MAX_DIGITS, BadValue, TypedList, canonical, check

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_TEXT = 1_000_000
"""Characters of one list as text."""


def encode(typed: TypedList) -> str:
    """Write a list as {"type": "builtins.int", "items": [...]}; the same list, the same bytes."""
    items = [_tagged(item) for item in typed.items]
    return json.dumps({"type": typed.type, "items": items})


def decode(text: str, *, where: str) -> TypedList:
    """Read what encode writes. A BadValue begins with where, and names the place in the list."""
    found = _json(text, where)
    if not (isinstance(found, dict) and isinstance(found.get("items"), list)):
        raise BadValue(f'{where} is no {{"type": …, "items": […]}}.')
    name = found.get("type")
    if not isinstance(name, str):
        raise BadValue(f"{where}: its type is no text; write a name such as builtins.int.")
    items = [_untagged(item, f"{where}[{i}]") for i, item in enumerate(found["items"])]
    return TypedList.checked(name, items, where=where)


def read_literal(text: str, *, where: str) -> TypedList:
    """Read a list that somebody typed, as Python or JSON.

    Beside literals there may be range(…), and set, frozenset and bytearray of a literal; tags
    work too.
    """
    if len(text) > MAX_TEXT:
        raise BadValue(f"{where} is longer than {MAX_TEXT:,} characters.")
    try:
        found = _evaluated(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise BadValue(f"{where} is no list of literals: {error.msg}.") from None
    except BadValue as problem:
        raise BadValue(f"{where} {problem}") from None
    except (ValueError, TypeError, RecursionError, MemoryError, OverflowError) as error:
        reason = str(error) or "it is nested too deep"
        raise BadValue(f"{where} is no list of literals: {reason}.") from None
    if not isinstance(found, list):
        raise BadValue(f"{where} is no list; write one such as '[3, 1, 2]'.")
    items = [_untagged(item, f"{where}[{i}]") for i, item in enumerate(found)]
    return TypedList.of(items, where=where)


def _json(text: str, where: str) -> Any:
    if len(text) > MAX_TEXT:
        raise BadValue(f"{where} is longer than {MAX_TEXT:,} characters.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadValue(f"{where} is no JSON: {error}.") from None
    except RecursionError:
        raise BadValue(f"{where} is nested too deep.") from None
    except ValueError:
        raise BadValue(f"{where} has an integer of more than {MAX_DIGITS:,} digits.") from None


def _tagged(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_tagged(each) for each in value]
    if kind is dict:
        if all(type(key) is str for key in value) and not _is_tag(value):
            return {key: _tagged(held) for key, held in value.items()}
        pairs = [[_tagged(key), _tagged(held)] for key, held in value.items()]
        return {"__dict_items__": pairs}
    if kind is complex:
        return {"__complex__": [value.real, value.imag]}
    if kind is range:
        return {"__range__": [value.start, value.stop, value.step]}
    if kind in (bytes, bytearray):
        return {f"__{kind.__name__}__": list(value)}
    if kind is tuple:
        return {"__tuple__": [_tagged(each) for each in value]}
    if kind in (set, frozenset):
        return {f"__{kind.__name__}__": [_tagged(each) for each in canonical(value)]}
    return value


def _complex(parts: list[Any]) -> complex:
    real, imaginary = parts
    return complex(real, imaginary)


_TAGS: dict[str, Callable[[list[Any]], Any]] = {
    "__bytearray__": bytearray,
    "__bytes__": bytes,
    "__complex__": _complex,
    "__dict_items__": dict,
    "__frozenset__": frozenset,
    "__range__": lambda bounds: range(*bounds),
    "__set__": set,
    "__tuple__": tuple,
}


def _is_tag(value: dict[Any, Any]) -> bool:
    """Tell whether an object reads as a tag, known or not."""
    return len(value) == 1 and all(
        type(key) is str and key.startswith("__") and key.endswith("__") for key in value
    )


def _untagged(value: Any, where: str) -> Any:
    try:
        return _made(value)
    except BadValue as problem:
        raise BadValue(f"{where} {problem}") from None
    except RecursionError:
        raise BadValue(f"{where} is nested too deep.") from None


def _made(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_made(each) for each in value]
    if kind is not dict:
        return value
    if not _is_tag(value):
        return {key: _made(held) for key, held in value.items()}
    ((tag, content),) = value.items()
    if tag not in _TAGS:
        raise BadValue(f"has the tag {tag}, which is none; there are {' '.join(_TAGS)}.")
    if type(content) is not list:
        # Bytes may be written as text too; everything else is a list.
        if tag in ("__bytes__", "__bytearray__") and type(content) is str:
            content = list(content.encode("latin-1", "replace"))
        else:
            raise BadValue(f"has a {tag} that holds no list.")
    try:
        return _TAGS[tag]([_made(each) for each in content])
    except (TypeError, ValueError, OverflowError) as error:
        raise BadValue(f"has a {tag} that cannot be made: {error}.") from None


_CONSTANTS = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": math.nan,
    "nan": math.nan,
    "Infinity": math.inf,
    "inf": math.inf,
}
_MAKERS: dict[str, tuple[type, tuple[type, ...]]] = {
    "bytearray": (bytearray, (bytes,)),
    "frozenset": (frozenset, (set, list, tuple)),
    "range": (range, (int,)),
    "set": (set, (set, list, tuple)),
}


def _evaluated(node: ast.expr) -> Any:
    match node:
        case ast.List(elts=elements):
            return [_evaluated(each) for each in elements]
        case ast.Tuple(elts=elements):
            return tuple(_evaluated(each) for each in elements)
        case ast.Set(elts=elements):
            return {_evaluated(each) for each in elements}
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {
                _evaluated(key): _evaluated(held)
                for key, held in zip(keys, values, strict=True)
                if key is not None
            }
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id=name)) if name in _CONSTANTS:
            return -_CONSTANTS[name]  # type: ignore[operator]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _MAKERS:
            return _called(name, [_evaluated(each) for each in arguments])
        case ast.Name(id=name):
            raise BadValue(f"names {name}, where only literals can be; text needs quotes.")
        case ast.Call():
            raise BadValue(f"has a call; there may be {', '.join(_MAKERS)}, of literals.")
    return ast.literal_eval(node)


def _called(name: str, arguments: list[Any]) -> Any:
    make, takes = _MAKERS[name]
    most = 3 if make is range else 1
    if not len(arguments) <= most or any(type(each) not in takes for each in arguments):
        raise BadValue(f"has {name}(…) of something else than literals that it takes.")
    made = make(*arguments)
    check(made)
    return made
