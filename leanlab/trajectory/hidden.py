"""Hidden tasks for experiments that solve them: made, put as plain data, and graded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.trajectory import making, taskfile
from leanlab.trajectory.evaluation import answers
from leanlab.trajectory.library import FunctionLibrary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from leanlab.labkit import Each
    from leanlab.trajectory.execution import Executor
    from leanlab.trajectory.taskfile import TaskRecord
    from leanlab.trajectory.tasks import Walked

SPLITS = ("train", "val", "test")
LONGEST = 32
"""Functions in an answer, at most."""
_PLAIN = {f"builtins.{name}" for name in ("int", "float", "str", "bool", "list")}
_HELPERS = ("canonical", "stable_hash", "hash(")
_LARGEST = 2**63
_MOST_CALLS = 10**15


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a lab of hidden tasks."""

    lengths: list[int]
    train: int
    """Tasks of each length, like the next two."""
    val: int
    test: int
    given: int = 4
    held_out: int = 4
    seed: int
    seconds: float
    """CPU seconds for each task."""


class Reported(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer with the number of calls that the experiment says it took."""

    functions: list[str]
    calls: int


Reply = list[str] | Reported


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is worth."""

    solved: bool
    """Right on every given example."""
    general: bool | None
    """Right on the held-out examples too; None where it is not solved, or there are none."""


def plain_library() -> FunctionLibrary:
    """Return those of the 118 functions that need no value that JSON has not, and no helper."""
    return FunctionLibrary(
        one
        for one in FunctionLibrary.default()
        if {one.input_type, one.output_type} <= _PLAIN
        and not any(name in one.code for name in _HELPERS)
    )


def make_data(recipe: Recipe, folder: Path) -> None:
    """Write library.json and one file of certified tasks for each split, of every length alike."""
    library = plain_library()
    each = [recipe.train, recipe.val, recipe.test]
    wanted = making.Recipe(
        counts=dict.fromkeys(recipe.lengths, sum(each)),
        seed=recipe.seed,
        certified=True,
        varied=True,
        given=recipe.given,
        held_out=recipe.held_out,
    )
    splits: dict[str, list[TaskRecord]] = {name: [] for name in SPLITS}
    names = [name for name, count in zip(SPLITS, each, strict=True) for _ in range(count)]
    for number, record in enumerate(making.make(library, wanted, accept=_is_plain)):
        splits[names[number % len(names)]].append(record)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "library.json").write_bytes(library.encode())
    for name, records in splits.items():
        taskfile.write(folder / f"{name}.jsonl", records)


def arguments(record: TaskRecord, library: Sequence[dict[str, Any]], seconds: float) -> list[Any]:
    """Return what solve() is called with; nothing held out is in it."""
    task = record.task
    return [list(task.input.items), list(task.output.items), library, seconds]


def as_data(library: FunctionLibrary) -> list[dict[str, Any]]:
    """Return the library as experiments get it: names, types and code."""
    return [
        {
            "name": one.name,
            "input_type": one.input_type.removeprefix("builtins."),
            "output_type": one.output_type.removeprefix("builtins."),
            "code": one.code,
        }
        for one in library
    ]


def grade(reply: Reply | None, record: TaskRecord, executor: Executor) -> Grade:
    """Run an answer on the given examples, and where it is right on the held-out ones."""
    names = _names(reply)
    if len(names) > LONGEST or not answers(names, record.task, executor):
        return Grade(solved=False, general=None)
    if record.held_out is None:
        return Grade(solved=True, general=None)
    return Grade(solved=True, general=answers(names, record.held_out, executor))


def _names(reply: Reply | None) -> list[str]:
    return reply.functions if isinstance(reply, Reported) else reply or []


def _is_plain(walked: Walked) -> bool:
    lists = (walked.task.input, walked.task.output)
    return all(typed.type in _PLAIN and all(map(_survives, typed.items)) for typed in lists)


def _survives(value: Any) -> bool:
    """Tell whether a value is the same after a journey through JSON."""
    if type(value) is list:
        return all(map(_survives, value))
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is int:
        return -_LARGEST <= value < _LARGEST
    return type(value) in (str, bool)


def metrics(
    split: str, records: Sequence[TaskRecord], replies: Sequence[Each], executor: Executor
) -> dict[str, float]:
    """Return what a split's replies are worth, each name beginning with the split's.

    What has nothing to be a share of is left out: generalisation where nothing was solved, calls
    where none were reported.
    """
    grades = [grade(e.value, r, executor) for e, r in zip(replies, records, strict=True)]
    outcomes = [outcome(e, g) for e, g in zip(replies, grades, strict=True)]
    found = {"solve_rate": _share(g.solved for g in grades)}
    for name in ("out_of_time", "no_answer", "wrong", "failed"):
        found[name] = _share(each == name for each in outcomes)
    for length in sorted({r.length or 0 for r in records}):
        found[f"length_{length}"] = _share(
            g.solved for g, r in zip(grades, records, strict=True) if r.length == length
        )
    general = [g.general for g in grades if g.general is not None]
    if general:
        found["generalisation"] = _share(general)
    calls = [e.value.calls for e in replies if isinstance(e.value, Reported)]
    if calls:
        # An experiment's own word, which can be any integer.
        found["untrusted_calls"] = float(min(max(0, sum(calls) // len(calls)), _MOST_CALLS))
    return {f"{split}_{name}": value for name, value in found.items()}


def outcome(reply: Each, graded: Grade) -> str:
    """Say what became of a task: solved, out_of_time, no_answer, wrong, or failed.

    No answer is an empty one; failed is a reply that is none.
    """
    if graded.solved:
        return "solved"
    if reply.failure == "out of cpu time":
        return "out_of_time"
    if reply.failure:
        return "failed"
    return "wrong" if _names(reply.value) else "no_answer"


def told(records: Sequence[TaskRecord], replies: Sequence[Each], executor: Executor) -> str:
    """Say in words what came of tasks that may be known."""
    lines = []
    for reply, record in zip(replies, records, strict=True):
        words = outcome(reply, grade(reply.value, record, executor)).replace("_", " ")
        lines.append(f"A training task of {record.length} functions: {words}.")
        if reply.text:
            lines.append(reply.text)
    return "\n".join(lines)


def _share(truths: Iterable[bool]) -> float:
    found = list(truths)
    return sum(found) / len(found)
