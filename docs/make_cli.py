"""Writes docs/cli.md from the commands' own help; `make docs` runs it, a test holds the page to it.

It reads the commands' declarations, never printed help: neither the terminal's width nor the
environment can change a byte.
"""

from __future__ import annotations

import inspect
import re
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from leanlab.cli import app
from leanlab.cli.groups import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_name("cli.md")
PLACEHOLDERS = {int: "N", float: "X", Path: "PATH", str: "TEXT"}
"""What stands for a value of that type."""

HEAD = """\
# Command line

This page is made from the commands' help by `make docs`; change it there.

LAB is a path, or a name under `labs/` or `.leanlab/`. `leanlab --version` prints the version, and
`leanlab COMMAND --help` what is said here. Output that is not a terminal is plain.

"""

STATUSES = """\
## Exit status

| status | meaning |
|---|---|
| 0 | done |
| 1 | a check failed (`check`), your experiment has no score (`try`), or a point failed (`sweep`) |
| 2 | an expected error: one line on standard error says what happened, where, and what to do |
| 3 | a budget ended the run |
| 130 | interrupted; the trial on its way is in the ledger, as abandoned |

A traceback means a bug: please report it.

"""

ENVIRONMENT = """\
## Environment

An option that is not given is read from its variable: LEANLAB_ and the option's name. `LEANLAB_SET`
takes several pairs, separated by spaces; a switch is set by `1`.

"""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """An option or an argument of a command."""

    names: tuple[str, ...]
    """How an option is written, the short name first; empty for an argument."""
    value: str
    """What stands for its value; empty for a switch."""
    help: str
    default: str
    required: bool
    variable: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A command, with everything that its help says."""

    name: str
    words: str
    example: str
    parameters: tuple[Parameter, ...]


def generate() -> str:
    """Return the whole page."""
    entries = list(_entries(whole(app), "leanlab"))
    links = "\n".join(f"- [{entry.name}](#{entry.name.replace(' ', '-')})" for entry in entries)
    sections = "".join(_section(entry) for entry in entries)
    return f"{HEAD}{links}\n\n{sections}{STATUSES}{ENVIRONMENT}{_variables(entries)}\n"


def _entries(command: Any, name: str) -> Iterator[Entry]:
    """Yield a command, or all that are in a group."""
    if hasattr(command, "commands"):
        for each, below in command.commands.items():
            yield from _entries(below, f"{name} {each}")
        return
    words, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    hints = get_type_hints(command.callback, include_extras=True)
    parameters = tuple(_parameter(one, hints[one.name]) for one in command.params)
    yield Entry(name=name, words=words.strip(), example=_one_line(example), parameters=parameters)


def _parameter(one: Any, hint: Any) -> Parameter:
    kind = _plain(hint)
    is_option = one.param_type_name == "option"
    placeholder = PLACEHOLDERS.get(kind, "") if is_option else one.name.upper()
    return Parameter(
        names=tuple(sorted(one.opts, key=len)) if is_option else (),
        value=(one.metavar or placeholder).strip("[]"),
        help=one.help or "",
        default="" if one.default is None or one.default is False else str(one.default),
        required=one.required,
        variable=one.envvar or "",
    )


def _plain(hint: Any) -> Any:
    """Return the type of one value: what is left without Annotated, None and list."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    return get_args(hint)[0] if get_origin(hint) is list else hint


def _section(entry: Entry) -> str:
    arguments = [one for one in entry.parameters if not one.names]
    options = [one for one in entry.parameters if one.names]
    usage = [one.value if one.required else f"[{one.value}]" for one in arguments]
    rows = [f"| {_written(one)} | {_cell(_explained(one))} |" for one in [*arguments, *options]]
    lines = [f"## {entry.name}", "", f"`{' '.join([entry.name, *usage, '[OPTIONS]'])}`", ""]
    lines += [entry.words, "", "```console", f"$ {entry.example}", "```", ""]
    return "\n".join([*lines, "| | |", "|---|---|", *rows, "", ""])


def _written(one: Parameter) -> str:
    names = [*one.names[:-1], " ".join(filter(None, (*one.names[-1:], one.value)))]
    return ", ".join(f"`{_cell(name)}`" for name in names)


def _explained(one: Parameter) -> str:
    return f"{one.help} Default: `{one.default}`." if one.default else one.help


def _cell(text: str) -> str:
    return _one_line(text).replace("|", "\\|")


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _variables(entries: list[Entry]) -> str:
    found = {one.variable for entry in entries for one in entry.parameters if one.variable}
    return "\n".join(f"- `{variable}`" for variable in sorted(found))


def main() -> None:
    PAGE.write_text(generate(), encoding="utf-8")


if __name__ == "__main__":
    main()
