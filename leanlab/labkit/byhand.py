"""`python evaluation.py experiments/sample.py` and `python validate.py …`, run by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leanlab.config import load
from leanlab.errors import LeanlabError
from leanlab.labkit.scoring import score
from leanlab.labkit.view import Lab
from leanlab.packages import importable
from leanlab.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from leanlab.labkit.candidate import Candidate
    from leanlab.records import Verdict
    from leanlab.sandbox.progress import Progress


def main(evaluate: Callable[[Candidate, Lab], dict[str, float] | Verdict]) -> None:
    """Score the file named on the command line and print one line of JSON.

    The confinement is named on standard error. Exits 1 when there is no score, 2 when the lab or
    the machine cannot give one.
    """
    folder, experiment = _arguments(evaluate.__globals__["__file__"])
    try:
        config = load(folder / "lab.json")
        lab = Lab(folder=folder, data=folder / "data", params=config.params)
        with Sandbox(imports=importable(config), hidden=[folder]) as sandbox:
            print(sandbox.confinement.summary, file=sys.stderr)  # noqa: T201
            verdict = score(
                evaluate,
                experiment,
                lab,
                sandbox=sandbox,
                limits=config.limits,
                metric=config.objective.metric,
                on_progress=_show,
            )
    except LeanlabError as error:
        sys.exit(_complain(str(error)))
    told = verdict.metrics if verdict.status == "scored" else verdict
    print(msgspec.json.encode(told).decode())  # noqa: T201
    sys.exit(0 if verdict.status == "scored" else 1)


def _show(progress: Progress) -> None:
    line = f"progress: {progress.fraction:.0%} {progress.text}"
    print(line.strip(), file=sys.stderr)  # noqa: T201


def main_validate(validate: Callable[[str, Lab], str | None]) -> None:
    """Check the file named on the command line; print VALID, or INVALID: and the reason."""
    folder, experiment = _arguments(validate.__globals__["__file__"])
    try:
        config = load(folder / "lab.json")
        lab = Lab(folder=folder, data=folder / "data", params=config.params)
        reason = validate(experiment.read_text(encoding="utf-8"), lab)
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text."
    except LeanlabError as error:
        sys.exit(_complain(str(error)))
    print(f"INVALID: {reason}" if reason else "VALID")  # noqa: T201
    sys.exit(1 if reason else 0)


def _arguments(script: str) -> tuple[Path, Path]:
    if len(sys.argv) != 2:
        sys.exit(_complain(f"usage: python {Path(script).name} FILE"))
    experiment = Path(sys.argv[1])
    if not experiment.is_file():
        sys.exit(_complain(f"there is no file {experiment}."))
    return Path(script).resolve().parent, experiment


def _complain(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return 2
