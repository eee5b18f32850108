"""Command groups that packages bring: entry points of the group `leanlab.commands`.

An entry point names a typer application, loaded when it is called or when help lists it, so its
module must be light to import. Its functions are written as any typer command is; what every
command of leanlab has is added here: -h, an expected fault told in one line, and a variable
LEANLAB_<OPTION> for each option.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from leanlab.cli.shared import PLAIN, expected, variable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Groups(TyperGroup):
    """The commands of leanlab itself, then the groups of installed packages."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(dict.fromkeys([*super().list_commands(ctx), *sorted(_installed())]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _installed():
            return own
        return load(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List installed groups by their own line of help, without making their options."""
        for name, point in _installed().items():
            self.commands[name] = TyperCommand(name, help=point.load().info.help)
        super().format_commands(ctx, formatter)


def whole(application: typer.Typer) -> Any:
    """Return the application as click knows it, with every installed group loaded."""
    command: Any = get_command(application)
    command.commands.update({name: load(name) for name in sorted(_installed())})
    return command


@cache
def load(name: str) -> Any:
    """Load an installed group, as click knows it."""
    frame = typer.Typer(**PLAIN)
    frame.callback()(lambda: None)
    frame.add_typer(_installed()[name].load(), name=name)
    group: Any = get_command(frame)
    return _dressed(group.commands[name])


def _dressed(command: Any) -> Any:
    command.context_settings.update(PLAIN["context_settings"])
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.envvar:
            parameter.envvar = variable(max(parameter.opts, key=len))
            parameter.show_envvar = False
    below = getattr(command, "commands", None)
    if below is None:
        command.callback = expected(command.callback)
    else:
        for each in below.values():
            _dressed(each)
    return command


@cache
def _installed() -> dict[str, EntryPoint]:
    # Imported here: reading the metadata of packages takes as long as half of leanlab's commands.
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group="leanlab.commands")}
