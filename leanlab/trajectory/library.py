"""FunctionLibrary: the functions that a trajectory is made of, from a JSON file."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.labkit import ConfigError
from leanlab.trajectory.bodies import BadBody, compiled
from leanlab.trajectory.values import BadValue, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DEFAULT = Path(__file__).with_name("library.json")
"""The library that is used where no other is named: 118 functions."""

_SEPARATORS = str.maketrans(dict.fromkeys("\n;", ","))


class LibraryError(ConfigError):
    """A library, or an answer in terms of one, cannot be used as it is."""


class FunctionDef(msgspec.Struct, frozen=True, kw_only=True):
    """A function of one argument, as data."""

    name: str
    input_type: str
    """A name of values.KINDS, such as builtins.int."""
    output_type: str
    code: str
    """The body of a function of `x`."""
    usage_count: int = 0
    """How often trajectories that people solved use it: ranks equally short answers."""
    metadata: dict[str, Any] = {}


class _File(msgspec.Struct, frozen=True):
    functions: list[msgspec.Raw]


class FunctionLibrary:
    """Functions by name, in the order given. Two of one name must be one function.

    where names the source in errors.
    """

    def __init__(self, functions: Iterable[FunctionDef], *, where: str = "library") -> None:
        self._by_name: dict[str, FunctionDef] = {}
        self.bodies: dict[str, Callable[[Any], Any]] = {}
        """The compiled functions by name, to be called on a copy of a value only."""
        for i, function in enumerate(functions):
            self._add(function, f"{where}: functions[{i}] ({function.name})")
        if not self._by_name:
            raise LibraryError(f"{where}: there is no function in it; give at least one.")

    @classmethod
    def default(cls) -> FunctionLibrary:
        """Return the 118 functions that come with leanlab."""
        return cls.read(DEFAULT)

    @classmethod
    def read(cls, path: Path) -> FunctionLibrary:
        """Read a library file. Its code is checked and compiled, and not run."""
        try:
            text = path.read_bytes()
        except OSError as error:
            raise LibraryError(f"{path} cannot be read: {error.strerror}.") from None
        return cls.decode(text, where=str(path))

    @classmethod
    def decode(cls, text: bytes, *, where: str) -> FunctionLibrary:
        """Read the text of a library file."""
        try:
            raw = msgspec.json.decode(text, type=_File).functions
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise LibraryError(f"{where} is no library file: {error}.") from None
        return cls(
            (_decoded(one, f"{where}: functions[{i}]") for i, one in enumerate(raw)), where=where
        )

    def encode(self) -> bytes:
        """Write the library as a file that read() takes."""
        text = msgspec.json.encode({"functions": list(self)})
        return msgspec.json.format(text, indent=1) + b"\n"

    def __iter__(self) -> Iterator[FunctionDef]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> FunctionDef:
        if name not in self._by_name:
            raise LibraryError(self._unknown([name]))
        return self._by_name[name]

    def parse(self, answer: str) -> tuple[FunctionDef, ...]:
        """Read a comma-separated list of names; no name at all is the empty trajectory.

        Raises a LibraryError that names every unknown function.
        """
        names = [part.strip(" \t\r'\"`[]().") for part in answer.translate(_SEPARATORS).split(",")]
        names = [name for name in names if name]
        unknown = [name for name in dict.fromkeys(names) if name not in self]
        if unknown:
            raise LibraryError(self._unknown(unknown))
        return tuple(self._by_name[name] for name in names)

    def _add(self, function: FunctionDef, where: str) -> None:
        earlier = self._by_name.setdefault(function.name, function)
        if earlier is function:
            if not function.name.isidentifier():
                raise LibraryError(f"{where}: {function.name!r} is no name for a function.")
            try:
                kind_of(function.input_type, "input_type")
                kind_of(function.output_type, "output_type")
                self.bodies[function.name] = compiled(function.code, function.name)
            except (BadBody, BadValue) as problem:
                raise LibraryError(f"{where}: {problem}") from None
        elif _meaning(earlier) != _meaning(function):
            raise LibraryError(
                f"{where}: the name {function.name} is taken by other code, or for other types. "
                "Give one of the two another name."
            )

    def _unknown(self, names: list[str]) -> str:
        told = []
        for name in names:
            near = difflib.get_close_matches(name, self._by_name, n=1)
            told.append(f"{name!r}" + (f" (nearest: {near[0]})" if near else ""))
        return f"the library has no function {', '.join(told)}."


def _meaning(function: FunctionDef) -> tuple[str, str, str]:
    return function.code, function.input_type, function.output_type


def _decoded(raw: msgspec.Raw, where: str) -> FunctionDef:
    try:
        return msgspec.json.decode(raw, type=FunctionDef)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise LibraryError(f"{where}: {error}.") from None
