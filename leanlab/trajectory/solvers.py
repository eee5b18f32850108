"""The solvers by name, as the command line and evaluations ask for them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from leanlab.labkit import ConfigError
from leanlab.trajectory.exact import Exact
from leanlab.trajectory.plain import BreadthFirst, RandomWalk

if TYPE_CHECKING:
    from collections.abc import Callable

    from leanlab.trajectory.library import FunctionLibrary
    from leanlab.trajectory.search import Solver

SOLVERS: dict[str, Callable[[FunctionLibrary, int], Solver]] = {
    "exact": lambda library, _: Exact(library),
    "bfs": lambda library, _: BreadthFirst(library),
    "random": lambda library, seed: RandomWalk(library, seed=seed),
}
"""Each makes a solver from a library and a seed."""


def solver(name: str, library: FunctionLibrary, *, seed: int = 0) -> Solver:
    """Return the solver of that name; a ConfigError names those there are."""
    if name not in SOLVERS:
        near = difflib.get_close_matches(name, SOLVERS, n=1)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise ConfigError(
            f"--solver: there is no solver {name!r}{hint}. Use one of: {', '.join(SOLVERS)}."
        )
    return SOLVERS[name](library, seed)
