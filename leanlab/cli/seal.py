"""`leanlab seal` and `leanlab unseal`."""

from __future__ import annotations

import typer

from leanlab.cli.shared import LabArgument, LabOption, Sets, expected, lab_of


@expected
def seal(lab: LabArgument = None, lab_option: LabOption = None, sets: Sets = None) -> None:
    """Accept the frozen files as they stand.

    Scores under other files no longer count; `leanlab rescore` makes them again.

    Example: leanlab seal labs/parity
    """
    from leanlab.lock import RunLock
    from leanlab.seal import write_seal

    opened = lab_of(lab, lab_option, sets)
    with RunLock(opened):
        files = write_seal(opened).files
    typer.echo(f"sealed {len(files)} files; fingerprint {opened.fingerprint(files)}")


@expected
def unseal(lab: LabArgument = None, lab_option: LabOption = None, sets: Sets = None) -> None:
    """Remove the seal, to work on the frozen files.

    The next run makes a new one.

    Example: leanlab unseal labs/parity
    """
    from leanlab.lock import RunLock

    opened = lab_of(lab, lab_option, sets)
    with RunLock(opened):
        was_sealed = opened.seal_file.exists()
        opened.seal_file.unlink(missing_ok=True)
    typer.echo("the seal is gone" if was_sealed else "there was no seal")
