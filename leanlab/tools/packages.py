"""request_package: a wish that a person decides on."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from leanlab import events
from leanlab.labkit.tool import Tool

if TYPE_CHECKING:
    from leanlab.events import Sink
    from leanlab.lab import Lab


class _Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    package: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="Its import name.")
    ]
    reason: Annotated[str, Meta(max_length=500, description="What the experiment needs it for.")]


def package_tool(lab: Lab, trial: int, emit: Sink) -> Tool:
    async def run(asked: _Package) -> str:
        name = asked.package
        allowed = name in lab.config.imports
        there = allowed and find_spec(name.partition(".")[0]) is not None
        emit(
            events.PackageRequested(trial=trial, package=name, reason=asked.reason, allowed=allowed)
        )
        if there:
            return f"{name} is there: import it."
        return (
            f"{name} cannot be imported by an experiment. Your wish is written down for the "
            "people of this lab; go on without it."
        )

    return Tool(
        name="request_package",
        description="Ask for a package that an experiment cannot import yet. A person decides.",
        arguments=_Package,
        run=run,
    )
