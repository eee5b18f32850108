"""Executor: runs a plan on a list, and says how far it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.trajectory.library import FunctionDef
from leanlab.trajectory.values import BadValue, TypedList, fresh, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.trajectory.library import FunctionLibrary


class TrajectorySpec(msgspec.Struct, frozen=True, kw_only=True):
    """A plan: functions to apply to a list, in order. Nothing was run."""

    input: TypedList
    functions: tuple[FunctionDef, ...]


class Trajectory(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was run, and what came of it."""

    input: TypedList
    functions: tuple[FunctionDef, ...]
    output: TypedList


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """How running a plan went."""

    trajectory: Trajectory | None
    """None where a step failed."""
    error: str = ""
    failed_step: int | None = None
    """Counted from 0; None where none failed."""

    @property
    def success(self) -> bool:
        return self.trajectory is not None


class StepFailed(Exception):
    """A function gave no usable value for an item; the message says which and why."""


class Executor:
    """Runs functions of one library. No function ever sees a caller's own value."""

    def __init__(self, library: FunctionLibrary) -> None:
        self.library = library

    def plan(self, typed: TypedList, names: Sequence[str]) -> TrajectorySpec:
        """Look the names up; LibraryError names one that is unknown."""
        return TrajectorySpec(input=typed, functions=tuple(self.library[name] for name in names))

    def run(self, spec: TrajectorySpec) -> Execution:
        """Run a plan. No plan is an error: what goes wrong is told in the Execution."""
        typed = spec.input
        for i, function in enumerate(spec.functions):
            try:
                typed = self.step(function, typed)
            except StepFailed as failure:
                return Execution(trajectory=None, error=str(failure), failed_step=i)
        done = Trajectory(input=spec.input, functions=spec.functions, output=typed)
        return Execution(trajectory=done)

    def step(self, function: FunctionDef, typed: TypedList) -> TypedList:
        """Apply one function to every item, or raise StepFailed."""
        if function.input_type != typed.type:
            raise StepFailed(
                f"{function.name} takes {short(function.input_type)}, not {short(typed.type)}"
            )
        body = self.library.bodies[function.name]
        values = []
        for i, item in enumerate(typed.items):
            try:
                value = body(fresh(item))
            except Exception as error:  # noqa: BLE001 - a body may raise anything
                text = f"{type(error).__name__}: {error}"[:200]
                raise StepFailed(f"{function.name} raised on item {i}: {text}") from None
            values.append(value)
        try:
            return TypedList.checked(function.output_type, values, where=function.name)
        except BadValue as problem:
            raise StepFailed(f"what it returned cannot be used: {problem}") from None
