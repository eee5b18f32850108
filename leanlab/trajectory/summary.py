"""What measured solvers come to: rates with intervals, lengths, calls and times."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from leanlab.trajectory.values import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leanlab.trajectory.evaluation import Outcome
    from leanlab.trajectory.taskfile import TaskRecord

_Z = 1.959963984540054
"""Of a normal distribution's middle 95%."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A share of tasks, with its 95% interval."""

    solved: int
    total: int
    rate: float | None
    """None where the total is 0."""
    interval: tuple[float, float] | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What one solver did on all tasks. A mean of nothing is None."""

    solved: int
    total: int
    rate: float | None
    interval: tuple[float, float] | None
    generalisation: Rate
    """Of the solved tasks that have held-out examples, those that are right on these too."""
    mean_ms: float | None
    mean_calls: float | None
    """Of all tasks, like the milliseconds; of lists in the plain solvers, of items in exact."""
    mean_length: float | None
    """Of the solved tasks, like the excess."""
    mean_excess: float | None
    """Functions beyond the shortest, where the file knows that."""
    by_length: dict[str, Rate]
    """"?" where the file knows none."""
    by_type: dict[str, Rate]
    """By the types of input and output, such as "int -> str"."""
    at_calls: dict[str, Rate]
    """By a budget of calls, the tasks that were solved within it."""
    died: int
    """Tasks at which the worker's process ended, twice."""
    remarks: tuple[str, ...] = ()
    cost_usd: float | None = 0.0


def wilson(solved: int, total: int) -> tuple[float, float] | None:
    """Return the 95% interval of a share (Wilson 1927); None of nothing.

    It stays within 0 and 1, and has a width where none or all are solved.
    """
    if not total:
        return None
    share, square = solved / total, _Z * _Z
    middle = share + square / (2 * total)
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    width = 1 + square / total
    return max(0.0, (middle - half) / width), min(1.0, (middle + half) / width)


def rate(truths: Iterable[bool]) -> Rate:
    found = list(truths)
    solved, total = sum(found), len(found)
    share = solved / total if total else None
    return Rate(solved=solved, total=total, rate=share, interval=wilson(solved, total))


def summarise(
    records: Sequence[TaskRecord],
    outcomes: Sequence[Outcome],
    steps: Sequence[int],
    *,
    remarks: tuple[str, ...] = (),
    cost_usd: float | None = 0.0,
) -> Summary:
    """Sum up one solver; steps are the budgets of calls to compare at."""
    pairs = list(zip(records, outcomes, strict=True))
    solved = [(record, one) for record, one in pairs if one.solved]
    whole = rate(one.solved for one in outcomes)
    by_length: dict[str, list[bool]] = defaultdict(list)
    by_type: dict[str, list[bool]] = defaultdict(list)
    for record, one in sorted(pairs, key=lambda pair: pair[0].length or 0):
        by_length["?" if record.length is None else str(record.length)].append(one.solved)
    for record, one in pairs:
        types = short(record.task.input.type), short(record.task.output.type)
        by_type[" -> ".join(types)].append(one.solved)
    return Summary(
        solved=whole.solved,
        total=whole.total,
        rate=whole.rate,
        interval=whole.interval,
        generalisation=rate(one.general for one in outcomes if one.general is not None),
        mean_ms=_mean(1000 * one.seconds for one in outcomes),
        mean_calls=_mean(one.calls for one in outcomes),
        mean_length=_mean(len(one.functions) for _, one in solved),
        mean_excess=_mean(
            len(one.functions) - record.length
            for record, one in solved
            if record.length is not None
        ),
        by_length={length: rate(found) for length, found in by_length.items()},
        by_type={types: rate(found) for types, found in sorted(by_type.items())},
        at_calls={
            str(step): rate(o.solved and o.calls <= step for o in outcomes) for step in steps
        },
        died=sum(one.died for one in outcomes),
        remarks=remarks,
        cost_usd=cost_usd,
    )


def call_steps(most: int) -> list[int]:
    """Return 10, 30, 100, 300, … up to a number of calls, and the number itself."""
    steps = [digit * 10**power for power in range(1, 12) for digit in (1, 3)]
    return [*(step for step in steps if step < most), most]


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
