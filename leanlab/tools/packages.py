"""request_package: what lab.json lists is installed; another is a wish that people decide on."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from leanlab import events
from leanlab.errors import ConfigError, EvaluatorError
from leanlab.labkit.tool import Tool, ToolRefused
from leanlab.packages import check_module, listed_as, version_here
from leanlab.tools.installing import InstallFailed, install

if TYPE_CHECKING:
    from leanlab.evaluator import Evaluator
    from leanlab.events import Sink
    from leanlab.lab import Lab
    from leanlab.tools.snippets import Snippets


class _Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    package: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$", description="Its import name.")
    ]
    reason: Annotated[str, Meta(max_length=500, description="What the experiment needs it for.")]


class PackageRequests:
    """Answers what the Workers of one run ask for, and remembers what could not be installed."""

    def __init__(
        self,
        lab: Lab,
        evaluator: Evaluator,
        snippets: Snippets,
        emit: Sink,
        *,
        may_install: bool,
    ) -> None:
        self._lab = lab
        self._evaluator = evaluator
        self._snippets = snippets
        self._emit = emit
        self._may_install = may_install
        self._faults: dict[str, str] = {}
        """Why, by module: asking again would take as long and end alike."""

    def tool(self, trial: int) -> Tool:
        """The tool, in words that name what would be installed now."""
        missing = set(self._lab.config.packages) - set(self._evaluator.imports)
        offered = ", ".join(sorted(missing - set(self._faults)))
        installed = f" Installed at once, when you ask: {offered}." if offered else ""
        return Tool(
            name="request_package",
            description=(
                f"Ask for a package that an experiment cannot import yet.{installed} "
                f"A person decides{' on others' if offered else ''}."
            ),
            arguments=_Package,
            run=partial(self._answer, trial),
        )

    async def _answer(self, trial: int, asked: _Package) -> str:
        config = self._lab.config
        module = listed_as(asked.package, config)
        if module is None:
            return self._wish(trial, asked)
        tell = partial(
            events.PackageRequested,
            trial=trial,
            package=module,
            reason=asked.reason,
            allowed=True,
        )
        if module not in config.packages or module in self._evaluator.imports:
            self._emit(tell())
            return self._there(module)
        if module not in self._faults:
            try:
                version = await self._install(module)
            except (InstallFailed, EvaluatorError) as error:
                self._faults[module] = _for_a_model(error)
                self._emit(tell(fault=str(error).rstrip(".")))
            else:
                self._emit(tell(installed=version))
                return f"{module} is installed now, in version {version}: import it."
        return f"{module} could not be installed: {self._faults[module]}. Go on without it."

    async def _install(self, module: str) -> str:
        """Have everything that runs code of experiments begin anew with it; return its version."""
        requirement = self._lab.config.packages[module]
        version = version_here(module, requirement)
        if version is None:
            if not self._may_install:
                raise InstallFailed("it is not here, and a replayed run installs nothing")
            self._emit(events.Notice(text=f"installing {requirement}, for the Worker"))
            version = await install(module, requirement, self._lab.state / "install.log")
        await self._evaluator.admit(module)
        await self._snippets.renew(self._evaluator.imports)
        return version

    def _there(self, module: str) -> str:
        if find_spec(module.partition(".")[0]) is not None:
            return f"{module} is there: import it."
        return f"{module} is not installed here. Go on without it."

    def _wish(self, trial: int, asked: _Package) -> str:
        try:
            check_module(asked.package, "request_package")
        except ConfigError as error:
            raise ToolRefused(str(error)) from error
        self._emit(
            events.PackageRequested(
                trial=trial, package=asked.package, reason=asked.reason, allowed=False
            )
        )
        return (
            f"{asked.package} cannot be imported by an experiment. Your wish is written down for "
            "the people of this lab; go on without it."
        )


def _for_a_model(error: Exception) -> str:
    """An evaluator's words may name places of this machine."""
    if isinstance(error, InstallFailed):
        return str(error)
    return "it is installed, but where experiments run it does not import"
