"""Tasks, libraries and what two answers must share, in a few words."""

from __future__ import annotations

from leanlab.trajectory import Answer, FunctionDef, FunctionLibrary, Solved, Task, TypedList


def task(given: list, wanted: list) -> Task:
    return Task(input=TypedList.of(given), output=TypedList.of(wanted))


def library(**functions: str) -> FunctionLibrary:
    """Functions written as name="int int: return x"."""
    made = []
    for name, text in functions.items():
        types, _, code = text.partition(": ")
        given, returned = (f"builtins.{kind}" for kind in types.split())
        made.append(FunctionDef(name=name, input_type=given, output_type=returned, code=code))
    return FunctionLibrary(made)


def agree(mine: Answer, theirs: Answer) -> None:
    """Both gave the same answer, whatever it cost."""
    assert type(mine) is type(theirs)
    if isinstance(mine, Solved) and isinstance(theirs, Solved):
        assert mine.trajectories == theirs.trajectories
        assert mine.shortest
        assert theirs.shortest
