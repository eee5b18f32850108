"""What commands share: options, how faults are told, how a lab is named."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

from leanlab.errors import ConfigError, LabError, LeanlabError

if TYPE_CHECKING:
    from leanlab.lab import Lab

P = ParamSpec("P")
T = TypeVar("T")

EXPECTED, INTERRUPTED = 2, 130
PLAIN: dict[str, Any] = {
    "add_completion": False,
    "no_args_is_help": True,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""How every typer application of the command line is made."""


def option(name: str, *more: str, help: str, **rest: Any) -> Any:  # noqa: A002 - typer's own word
    """An option that LEANLAB_<NAME> sets too."""
    return typer.Option(name, *more, help=help, envvar=variable(name), show_envvar=False, **rest)


def variable(name: str) -> str:
    """Return what sets an option that is not given: LEANLAB_MAX_USD for --max-usd."""
    name = name.partition("/")[0]  # --open/--no-open is one option.
    return "LEANLAB_" + name.removeprefix("--").replace("-", "_").upper()


LabArgument = Annotated[
    str | None, typer.Argument(metavar="LAB", help="Path of a lab, or a name under labs/.")
]
LabOption = Annotated[str | None, option("--lab", help="The same, as an option.", metavar="LAB")]
Sets = Annotated[
    list[str] | None,
    option("--set", help="Use another value of a parameter: a variant.", metavar="KEY=VALUE"),
]
Json = Annotated[bool, option("--json", help="Print JSON for scripts.")]
RequireTier = Annotated[
    str | None,
    option("--require-tier", help="Refuse a weaker confinement.", metavar="A|B|C|D"),
]
BACKEND_HELP = "What answers: auto, offline, claude, openai, command:COMMAND, scripted:FILE."
Model = Annotated[
    str | None, option("--model", help="Which of the backend's models.", metavar="NAME")
]


class Level(StrEnum):
    """What --effort takes."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


Effort = Annotated[Level | None, option("--effort", help="How much the model is to think.")]
AllowUnfenced = Annotated[
    bool,
    option("--allow-unfenced", help="Run an agent's program where nothing can fence it in."),
]
AllowUnsandboxed = Annotated[
    bool,
    option(
        "--allow-unsandboxed",
        help="Run where nothing confines experiments; stamps every record untrusted.",
    ),
]


def expected(command: Callable[P, T]) -> Callable[P, T]:
    """Tell expected faults in one line, with status 2; Ctrl-C ends with 130."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except LeanlabError as error:
            fail(str(error))
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output has left; say nothing more, not even at exit.
            sys.stdout = None
            raise typer.Exit(EXPECTED) from None
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            fail(f"{error.strerror or error}{place}. Nothing recorded is lost; mend it, run again.")

    return wrapped


def fail(message: str) -> NoReturn:
    from leanlab.memory import printable

    typer.echo(f"leanlab: {printable(message)}", err=True)
    raise typer.Exit(EXPECTED)


def lab_of(argument: str | None, option_: str | None, sets: list[str] | None) -> Lab:
    """Open the lab that a command line names, under other parameters if set."""
    from leanlab.lab import open_lab

    return open_lab(named(argument, option_), pairs(sets))


def named(argument: str | None, option_: str | None) -> str:
    if argument and option_ and option_ not in (argument, os.environ.get("LEANLAB_LAB")):
        raise LabError(f"two labs are named, {argument} and {option_}. Name one.")
    where = argument or option_
    if where is None:
        raise LabError("which lab? Name it: leanlab run labs/parity, or --lab labs/parity")
    return where


def pairs(sets: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in sets or []:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise ConfigError(f"--set {text}: write it as key=value.")
        if key in found:
            raise ConfigError(f"--set {key} is given twice.")
        found[key] = value
    return found


def _print_version(wanted: bool) -> None:
    if wanted:
        import leanlab

        typer.echo(leanlab.__version__)
        raise typer.Exit


def version(
    show: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """A research lab in a folder: propose, score behind a seal, remember, repeat."""
