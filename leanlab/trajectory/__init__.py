"""Trajectory discovery: sequences of functions that turn given inputs into given outputs.

from leanlab.trajectory import Budget, Exact, FunctionLibrary, Task, TypedList

task = Task(input=TypedList.of([3, 1, 2]), output=TypedList.of([9, 1, 4]))
Exact(FunctionLibrary.default()).solve(task, Budget(max_depth=8))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leanlab.trajectory.exact import Exact
    from leanlab.trajectory.execution import Execution, Executor, Trajectory, TrajectorySpec
    from leanlab.trajectory.interchange import decode, encode
    from leanlab.trajectory.library import FunctionDef, FunctionLibrary, LibraryError
    from leanlab.trajectory.plain import BreadthFirst, RandomWalk
    from leanlab.trajectory.search import (
        Answer,
        Budget,
        Exhausted,
        Refuted,
        Solved,
        Solver,
        Task,
    )
    from leanlab.trajectory.solvers import SOLVERS, solver
    from leanlab.trajectory.tasks import Walked, Walks
    from leanlab.trajectory.values import BadValue, TypedList, same

__all__ = [
    "SOLVERS",
    "Answer",
    "BadValue",
    "BreadthFirst",
    "Budget",
    "Exact",
    "Execution",
    "Executor",
    "Exhausted",
    "FunctionDef",
    "FunctionLibrary",
    "LibraryError",
    "RandomWalk",
    "Refuted",
    "Solved",
    "Solver",
    "Task",
    "Trajectory",
    "TrajectorySpec",
    "TypedList",
    "Walked",
    "Walks",
    "decode",
    "encode",
    "same",
    "solver",
]

_HOME = {
    "exact": ("Exact",),
    "execution": ("Execution", "Executor", "Trajectory", "TrajectorySpec"),
    "interchange": ("decode", "encode"),
    "library": ("FunctionDef", "FunctionLibrary", "LibraryError"),
    "plain": ("BreadthFirst", "RandomWalk"),
    "search": ("Answer", "Budget", "Exhausted", "Refuted", "Solved", "Solver", "Task"),
    "solvers": ("SOLVERS", "solver"),
    "tasks": ("Walked", "Walks"),
    "values": ("BadValue", "TypedList", "same"),
}


def __getattr__(name: str) -> Any:
    # Imported on first use: the command line's help loads this package, and none of the above.
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"leanlab.trajectory.{module}"), name)
    raise AttributeError(f"module 'leanlab.trajectory' has no attribute {name!r}")
