"""Files of tasks of given lengths, made from a seed: walks, and walks proved to be shortest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import ConfigError
from leanlab.trajectory.exact import Exact
from leanlab.trajectory.search import Budget, Solved, Task
from leanlab.trajectory.taskfile import TaskRecord
from leanlab.trajectory.tasks import Walks
from leanlab.trajectory.values import TypedList, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from leanlab.trajectory.library import FunctionLibrary
    from leanlab.trajectory.tasks import Walked

_WALKS_A_TASK = 400
"""How many walks are made for one task that is wanted, on average, before giving up."""
_CALLS = 20_000_000
"""What proving one task may take; a walk that needs more is left out."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What tasks are wanted."""

    counts: dict[int, int]
    """How many of each length."""
    seed: int
    certified: bool = False
    """Whether no shorter trajectory may solve the given examples; it is proved."""
    varied: bool = False
    """Whether to leave out walks that make all items alike."""
    given: int = 4
    held_out: int = 4
    """Examples of each task, less those whose input is given too."""


def read_counts(text: str) -> dict[int, int]:
    """Read 1:100,2:50 as a hundred tasks of length 1 and fifty of length 2."""
    counts: dict[int, int] = {}
    for part in text.split(","):
        length, colon, count = part.strip().partition(":")
        if not (colon and length.isdecimal() and count.isdecimal() and 0 < int(length) < 65):
            raise ConfigError(
                f"--counts: {part.strip()!r} is no LENGTH:COUNT; write such as 1:100,2:100."
            )
        if int(length) in counts:
            raise ConfigError(f"--counts: length {int(length)} is there twice.")
        counts[int(length)] = int(count)
    return counts


def make(
    library: FunctionLibrary,
    recipe: Recipe,
    *,
    accept: Callable[[Walked], bool] = lambda _: True,
) -> Iterator[TaskRecord]:
    """Yield the tasks of a recipe, shorter ones first, no two alike; the same ones every time.

    accept may leave walks out. Raises ConfigError when too few walks of a length will do.
    """
    walks, exact = Walks(library, seed=recipe.seed), Exact(library)
    items = recipe.given + recipe.held_out
    seen: set[Hashable] = set()
    for length, count in sorted(recipe.counts.items()):
        made = 0
        for number in range(count * _WALKS_A_TASK):
            if made == count:
                break
            walked = walks.task(number, length, items=items, varied=recipe.varied)
            record = _split(walked, recipe)
            key = record.task.input.state, record.task.output.state
            constant = len(set(record.task.output.state)) <= 2  # its type, and one item
            if key in seen or (recipe.varied and constant) or not accept(walked):
                continue
            if recipe.certified and not _is_shortest(exact, record.task, length):
                continue
            seen.add(key)
            made += 1
            yield record
        if made < count:
            raise ConfigError(
                f"of {count * _WALKS_A_TASK:,} walks of {length} functions only {made} will do, "
                f"and {count} were asked for: ask for fewer, or for shorter ones."
            )


def _split(walked: Walked, recipe: Recipe) -> TaskRecord:
    """Keep the last examples back, but for those that are given."""
    keys = [identity(item) for item in walked.task.input.items]
    back = [i for i in range(recipe.given, len(keys)) if keys[i] not in keys[: recipe.given]]
    return TaskRecord(
        task=_part(walked.task, range(recipe.given)),
        held_out=_part(walked.task, back) if back else None,
        functions=walked.functions,
        length=len(walked.functions),
        extra={"certified": recipe.certified},
    )


def _part(task: Task, places: range | list[int]) -> Task:
    given, wanted = (
        TypedList(type=typed.type, items=tuple(typed.items[i] for i in places))
        for typed in (task.input, task.output)
    )
    return Task(input=given, output=wanted)


def _is_shortest(exact: Exact, task: Task, length: int) -> bool:
    answer = exact.solve(task, Budget(max_depth=length, max_calls=_CALLS))
    return isinstance(answer, Solved) and len(answer.functions) == length
