"""Tasks made by walking at random: the functions walked are an answer, if not a shortest one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.labkit import ConfigError, Stream
from leanlab.trajectory.execution import Executor, StepFailed
from leanlab.trajectory.plain import by_input_type
from leanlab.trajectory.search import Task, is_contradictory
from leanlab.trajectory.values import TypedList, short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leanlab.trajectory.library import FunctionLibrary
    from leanlab.trajectory.search import Name

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CHARACTERS = _LETTERS * 2 + _LETTERS.upper() + "aeiouAEIOU   0123456789"
_ATTEMPTS = 1_000


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """A task, and the functions that made its output."""

    task: Task
    functions: tuple[Name, ...]


class Walks:
    """Makes tasks from a seed: the same seed and number give the same task everywhere."""

    def __init__(self, library: FunctionLibrary, *, seed: int) -> None:
        self._executor = Executor(library)
        self._functions = by_input_type(library)
        self._types = [name for name in INPUTS if self._functions[name]]
        if not self._types:
            raise ConfigError("the library has no function of a type that inputs are made of.")
        self._seed = seed

    def task(
        self,
        number: int,
        length: int,
        *,
        items: int = 4,
        type: str = "",  # noqa: A002 - what it is called everywhere
        varied: bool = False,
    ) -> Walked:
        """Make the task of that number: items of one type, and a walk of length functions.

        type is a name of values.KINDS; any, where it is empty. No step of the walk leads to where
        it was before; where it is varied, none makes all items alike, as most long walks do
        sooner or later. Raises ConfigError when the library does not allow such a walk.
        """
        stream = Stream("walk", self._seed, number, length, items, type, int(varied))
        for _ in range(_ATTEMPTS):
            name = type or self._types[stream.below(len(self._types))]
            given = TypedList.checked(name, [INPUTS[name](stream) for _ in range(items)])
            walked = self._walk(stream, given, length, varied=varied)
            if walked is not None and not is_contradictory(walked.task):
                return walked
        raise ConfigError(
            f"no walk of {length} functions was found from {short(type) or 'any type'} in "
            f"{_ATTEMPTS:,} attempts: ask for shorter ones, or another type."
        )

    def _walk(
        self, stream: Stream, given: TypedList, length: int, *, varied: bool
    ) -> Walked | None:
        names: list[Name] = []
        state, seen = given, {given.state}
        while len(names) < length:
            ahead = list(self._functions[state.type])
            stream.shuffle(ahead)
            for function in ahead:
                try:
                    after = self._executor.step(function, state)
                except StepFailed:
                    continue
                alike = varied and len(set(after.state[1:])) == 1
                if after.state not in seen and not alike:
                    break
            else:
                return None
            seen.add(after.state)
            names.append(function.name)
            state = after
        return Walked(task=Task(input=given, output=state), functions=tuple(names))


def _integer(stream: Stream) -> int:
    return stream.below(121) - 20


def _float(stream: Stream) -> float:
    return (stream.below(4_001) - 1_000) / 100


def _text(stream: Stream) -> str:
    length = 1 + stream.below(12)
    return "".join(_CHARACTERS[stream.below(len(_CHARACTERS))] for _ in range(length))


def _several(stream: Stream) -> Sequence[Any]:
    """A few values of one type, of those that order and hash."""
    make = (_integer, _float, _text)[stream.below(3)]
    return [make(stream) for _ in range(1 + stream.below(6))]


def _bytes(stream: Stream) -> bytes:
    return _text(stream).encode()


def _range(stream: Stream) -> range:
    start = stream.below(20) - 5
    return range(start, start + stream.below(20), 1 + stream.below(3))


INPUTS: dict[str, Callable[[Stream], Any]] = {
    "builtins.int": _integer,
    "builtins.float": _float,
    "builtins.str": _text,
    "builtins.bool": lambda stream: bool(stream.below(2)),
    "builtins.list": lambda stream: list(_several(stream)),
    "builtins.tuple": lambda stream: tuple(_several(stream)),
    "builtins.set": lambda stream: set(_several(stream)),
    "builtins.dict": lambda stream: {
        _LETTERS[stream.below(26)]: _integer(stream) for _ in range(1 + stream.below(5))
    },
    "builtins.bytes": _bytes,
    "builtins.bytearray": lambda stream: bytearray(_bytes(stream)),
    "builtins.complex": lambda stream: complex(_float(stream), _float(stream)),
    "builtins.range": _range,
}
"""Draws one input of each type."""
