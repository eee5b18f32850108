"""Tasks as JSON lines, gzipped or not: the interchange that people share benchmarks in.

Each line is an object. `input` and `output` are lists as text (see interchange); a known answer is
`relabeled_functions` with `relabeled_length`; held-out examples are `held_out_input` and
`held_out_output`, lists as text too. Whatever else a line holds is kept, and means nothing here:
in particular no module that it names is ever imported.
"""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.labkit import ConfigError
from leanlab.trajectory.interchange import MAX_TEXT, decode, encode
from leanlab.trajectory.search import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from leanlab.trajectory.search import Name

_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 8 * MAX_TEXT
_PAIRS = (("input", "output"), ("held_out_input", "held_out_output"))


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A task, and what is known of it."""

    task: Task
    held_out: Task | None = None
    """More examples of the same trajectory, which no solver is shown."""
    functions: tuple[Name, ...] | None = None
    """An answer; None where none is known."""
    length: int | None = None
    """Functions in a shortest answer, as far as the file knows."""
    extra: dict[str, Any] = {}
    """The fields of the line that mean nothing here."""


def read(path: Path) -> list[TaskRecord]:
    """Read a file of tasks. A ConfigError names the file and the line."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP
            file.seek(0)
            lines: Any = gzip.GzipFile(fileobj=file) if zipped else file
            found = [_record(line, f"{path}:{number}") for number, line in _lines(lines, path)]
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {why}.") from None
    if not found:
        raise ConfigError(f"{path} holds no task: give one JSON object a line.")
    return found


def write(path: Path, records: Iterable[TaskRecord]) -> None:
    """Write a file that read() takes, gzipped where its name ends in .gz. The bytes repeat."""
    text = "".join(line(one) for one in records).encode()
    if path.suffix == ".gz":
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
            file.write(text)
        text = packed.getvalue()
    try:
        path.write_bytes(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None


def line(record: TaskRecord) -> str:
    """Write one task as a line, its extra fields last."""
    told: dict[str, Any] = {}
    for (given, wanted), task in zip(_PAIRS, (record.task, record.held_out), strict=True):
        if task is not None:
            told |= {given: encode(task.input), wanted: encode(task.output)}
    if record.functions is not None:
        told["relabeled_functions"] = list(record.functions)
    if record.length is not None:
        told["relabeled_length"] = record.length
    return json.dumps(told | record.extra) + "\n"


def _lines(file: Any, path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    while text := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(text) > _LONGEST_LINE:
            raise ConfigError(f"{path}:{number} is longer than {_LONGEST_LINE:,} bytes.")
        if text.strip():
            yield number, text


def _record(text: bytes, where: str) -> TaskRecord:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is no JSON: {str(error) or 'it is nested too deep'}.") from None
    if not isinstance(told, dict):
        raise ConfigError(f"{where} is no JSON object.")
    task, held_out = (_task(told, *names, where) for names in _PAIRS)
    if task is None:
        raise ConfigError(f"{where} has no input and output.")
    functions = _functions(told.pop("relabeled_functions", None), where)
    length = told.pop("relabeled_length", None if functions is None else len(functions))
    if length is not None and (type(length) is not int or length < 0):
        raise ConfigError(f"{where}: relabeled_length is {str(length)[:40]}; write a number.")
    return TaskRecord(task=task, held_out=held_out, functions=functions, length=length, extra=told)


def _task(told: dict[str, Any], given: str, wanted: str, where: str) -> Task | None:
    """Take a pair of lists out of a line."""
    texts = [told.pop(name, None) for name in (given, wanted)]
    if texts == [None, None]:
        return None
    for name, text in zip((given, wanted), texts, strict=True):
        if not isinstance(text, str):
            raise ConfigError(
                f'{where}: {name} is no text; write a string such as "{{\\"type\\": '
                '\\"builtins.int\\", \\"items\\": [1, 2]}".'
            )
    inputs, outputs = texts
    try:
        return Task(
            input=decode(inputs, where=given),
            output=decode(outputs, where=wanted),
        )
    except ConfigError as problem:
        raise ConfigError(f"{where}: {problem}") from None


def _functions(told: Any, where: str) -> tuple[Name, ...] | None:
    if told is None:
        return None
    if not (isinstance(told, list) and all(isinstance(name, str) for name in told)):
        raise ConfigError(f"{where}: relabeled_functions is no list of names.")
    return tuple(told)
