"""What there is to see of a lab, from its files alone."""

from __future__ import annotations

from pathlib import Path

import msgspec

from leanlab.config import Objective
from leanlab.errors import LabError
from leanlab.history import History
from leanlab.lab import Lab, open_lab
from leanlab.ledger import Ledger
from leanlab.lock import holder
from leanlab.records import Evaluation, RoleTurn, Trial
from leanlab.seal import Hasher, read_seal


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """A lab, or one variant of it. Counts are of the present fingerprint."""

    name: str
    lab: str
    named: str
    """How a command line names it."""
    description: str
    variant: str | None
    objective: Objective
    trials: int
    scored: int
    best: Trial | None
    fingerprint: str
    tier: str | None
    """Of the latest record; None before the first."""
    statuses: dict[str, int]
    all_trials: int
    """Of every fingerprint."""
    cost_usd: float
    running_pid: int | None
    top: tuple[Trial, ...]


def fingerprint_of(lab: Lab) -> str:
    """The fingerprint of the frozen files as sealed, or as they stand where there is no seal."""
    seal = read_seal(lab)
    return lab.fingerprint(seal.files if seal else Hasher().hash_all(lab))


def history_of(lab: Lab) -> History:
    history = History(lab.config, fingerprint_of(lab), is_open=not lab.is_native)
    return history.add_all(Ledger(lab.results).read())


def overview(lab: Lab, history: History | None = None) -> Overview:
    history = history or history_of(lab)
    return Overview(
        name=lab.config.name,
        lab=str(lab.folder),
        named=lab.named,
        description=lab.config.description,
        variant=lab.home.name if lab.is_variant else None,
        objective=lab.config.objective,
        trials=history.trials,
        scored=history.scored,
        best=history.best,
        fingerprint=history.fingerprint,
        tier=history.last.tier if history.last else None,
        statuses=dict(sorted(history.statuses.items())),
        all_trials=history.all_trials,
        cost_usd=history.cost_usd,
        running_pid=holder(lab),
        top=tuple(history.top),
    )


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the ledger says of one trial."""

    trial: Trial
    evaluations: tuple[Evaluation, ...]
    notes: tuple[RoleTurn, ...]
    """What Critic and Director said after it."""
    code: str | None
    """None when there was no experiment, or its file is gone."""


def story(lab: Lab, number: int) -> Story:
    """Return one trial's story; raise LabError when the ledger has no such trial."""
    trial: Trial | None = None
    evaluations: list[Evaluation] = []
    notes: list[RoleTurn] = []
    for record in Ledger(lab.results).read():
        if isinstance(record, Trial) and record.trial == number:
            trial = record
        elif isinstance(record, Evaluation) and record.trial == number:
            evaluations.append(record)
        elif isinstance(record, RoleTurn) and record.after_trial == number:
            notes.append(record)
    if trial is None:
        raise LabError(f"{lab.results} has no trial {number}. `leanlab show` lists the best.")
    path = lab.home / trial.experiment_file if trial.experiment_file else None
    code = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else None
    return Story(trial=trial, evaluations=tuple(evaluations), notes=tuple(notes), code=code)


def labs_below(folder: Path) -> list[Lab]:
    """Labs in a folder, in its labs/ and in its .leanlab/, each followed by its variants."""
    found: list[Lab] = []
    for path in lab_folders(folder):
        lab = open_lab(path)
        found += [lab, *lab.variants()]
    return found


def lab_folders(folder: Path) -> list[Path]:
    """Folders with a lab.json: the folder itself, those in it, in its labs/ and its .leanlab/."""
    places = [folder, *(folder / name for name in ("labs", ".leanlab"))]
    found = {path.parent.resolve() for place in places for path in place.glob("*/lab.json")}
    if (folder / "lab.json").is_file():
        found.add(folder.resolve())
    return sorted(found)
