"""`leanlab new`."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanlab.cli.shared import Model, expected, option, pairs
from leanlab.errors import ConfigError, LeanlabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from leanlab.scaffold.drafting import Draft

DEFAULT = "blank"


@expected
def new(
    name: Annotated[str, typer.Argument(help="Folder to make; its last part is the lab's name.")],
    skeleton: Annotated[
        str | None,
        option(
            "--skeleton",
            help="What to begin with, such as ml; blank if not given. An unknown one lists all.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        option("--from", help="Copy this lab, without what runs left in it.", metavar="LAB"),
    ] = None,
    describe: Annotated[
        str | None, option("--describe", help="Have a model draft a lab for this wish.")
    ] = None,
    backend: Annotated[str, option("--backend", help="What drafts, with --describe.")] = "auto",
    model: Model = None,
    sets: Annotated[
        list[str] | None,
        option("--set", help="Another value for a parameter in lab.json.", metavar="KEY=VALUE"),
    ] = None,
) -> None:
    """Make a lab that runs at once, with its data, sealed.

    With --describe the draft is shown first; say yes, no, or what to change. Nothing is written
    before a yes, and then the new lab is checked.

    Example: leanlab new packing --skeleton optimise
    """
    import shlex

    from leanlab.scaffold import check_name, finish, make

    given = [way for way in (skeleton, source, describe) if way is not None]
    if len(given) > 1:
        raise ConfigError("--skeleton, --from and --describe are three ways. Choose one.")
    target = Path(name)
    check_name(target)
    if describe is not None:
        fill = _approved(describe, backend, model, target.name)
    else:
        fill = _filling(skeleton or DEFAULT, source, target.name, changed=bool(sets))
    lab = make(target, fill, pairs(sets), finished=describe is None)
    if describe is not None:
        # What was paid for and approved is kept, whatever is wrong with it; check says what.
        with contextlib.suppress(LeanlabError):
            finish(lab)
    sealed = "sealed" if lab.seal_file.exists() else "to be sealed by its first run"
    where = shlex.quote(os.path.relpath(lab.folder))
    typer.echo(f"made {where}, {sealed}: {', '.join(sorted(p.name for p in _files(lab.folder)))}")
    typer.echo(f"Next: leanlab check {where}, leanlab run {where}, and make task.md yours")
    if describe is not None:
        from leanlab.cli.check import check

        check(str(lab.folder))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _filling(
    skeleton: str, source: str | None, name: str, *, changed: bool
) -> Callable[[Path], None]:
    from leanlab.lab import open_lab
    from leanlab.scaffold.sources import from_lab, from_skeleton

    if source is None:
        return from_skeleton(skeleton, name)
    return from_lab(open_lab(source), keeps_data=not changed)


def _approved(
    description: str, backend: str, model: str | None, name: str
) -> Callable[[Path], None]:
    """Have a lab drafted, and return what writes it, once the user has said yes."""
    import asyncio
    import tempfile

    from leanlab.backends import choosing
    from leanlab.config import RoleChoice
    from leanlab.lab import open_lab
    from leanlab.scaffold.drafting import Draftsman
    from leanlab.scaffold.sources import from_skeleton

    choice = choosing.choose(backend, RoleChoice(model=model))
    if choice.name == "offline":
        raise ConfigError(
            "--describe needs a model, and offline is none. Name one with --backend, or begin with "
            "a skeleton: leanlab new NAME --skeleton blank"
        )

    async def draft() -> Draft:
        with tempfile.TemporaryDirectory(prefix="leanlab-draft-") as folder:
            from_skeleton(DEFAULT, "example")(Path(folder))
            answering = choosing.make(choice, open_lab(folder))
            try:
                draftsman = Draftsman(answering, Path(folder), name)
                drafted = await draftsman.begin(description)
                while wanted := _wanted(drafted):
                    drafted = await draftsman.change(wanted)
            finally:
                await answering.close()
        return drafted

    return asyncio.run(draft()).write


def _wanted(draft: Draft) -> str:
    """Show a draft; return what the user wants changed, empty for a yes; a no ends the command."""
    from leanlab.memory import printable

    for file, text in draft.files.items():
        typer.echo(f"----- {file}\n{printable(text).rstrip()}")
    if draft.remarks:
        typer.echo(f"----- remarks\n{printable(draft.remarks)}")
    try:
        said = typer.prompt("Write these files? yes, no, or what to change").strip()
    except typer.Abort:
        said = "no"
    if said.lower() in ("n", "no"):
        raise ConfigError("the draft was not approved, so nothing was written.")
    return "" if said.lower() in ("y", "yes") else said
