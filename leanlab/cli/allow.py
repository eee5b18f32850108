"""`leanlab allow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leanlab.cli.shared import Json, expected, fail, lab_of, option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.lab import Lab
    from leanlab.wishes import Packages


@expected
def allow(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="Path of a lab, or a name.")],
    module: Annotated[
        str | None,
        typer.Argument(metavar="MODULE", help="What to allow, as an experiment imports it."),
    ] = None,
    requirement: Annotated[
        str | None,
        option("--requirement", help="What pip is to install, if not the same name."),
    ] = None,
    json: Json = False,
) -> None:
    """Let Workers have a package installed, by naming it in lab.json.

    Without a module: which ones they have asked for, and which they may have. Look a name up before
    you agree to it: a model can make one up, and somebody else publish something under it.

    Example: leanlab allow labs/parity sklearn --requirement "scikit-learn>=1.5"
    """
    import msgspec

    from leanlab.lab import open_lab
    from leanlab.memory import printable
    from leanlab.wishes import allow as name_it
    from leanlab.wishes import packages_of

    opened = lab_of(lab, None, None)
    if requirement and module is None:
        fail("--requirement is for a package: name its module too")
    changed = module is not None and name_it(opened, module, requirement)
    opened = open_lab(opened.folder)
    packages = packages_of(opened)
    if json:
        typer.echo(msgspec.json.encode(packages).decode())
        return
    lines = _listed(packages) if module is None else _agreed(opened, packages, module, changed)
    for line in lines:
        typer.echo(printable(line))


def _listed(packages: Packages) -> Iterator[str]:
    from leanlab.console import counted

    if packages.imports:
        yield f"imports: {', '.join(packages.imports)}"
    for one in packages.allowed:
        state = f"version {one.installed} is installed" if one.installed else "not installed yet"
        yield f"allowed: {one.module} ({one.requirement}): {state}"
    for wish in packages.wishes:
        reason = " ".join(wish.reason.split())
        yield (
            f"wished: {wish.module}, {counted(wish.times, 'time')}, last in trial {wish.trial} of "
            f"{wish.named}: {reason}"
        )
    if not packages.wishes:
        yield "no Worker waits for a package"


def _agreed(lab: Lab, packages: Packages, module: str, changed: bool) -> Iterator[str]:
    one = next(each for each in packages.allowed if each.module == module)
    verb = "is now" if changed else "was already"
    yield f"{one.requirement} {verb} in {lab.folder}/lab.json, for experiments that import {module}"
    if one.installed:
        yield f"version {one.installed} is installed"
    else:
        yield "it is installed when a Worker asks for it"
    if changed:
        yield "a run that is going on takes it up when it is started again"
        yield f"the fingerprint changed; to bring earlier scores along: leanlab rescore {lab.named}"
        if "lab.json" in lab.frozen_files():
            yield f"lab.json is frozen; to accept its change: leanlab seal {lab.named}"
