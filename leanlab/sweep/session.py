"""A sweep from its plan to its summary: where it is kept, and what going on with it may change."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab import policy
from leanlab.backends import choosing
from leanlab.config import Level
from leanlab.errors import ConfigError, LabError
from leanlab.lab import open_lab
from leanlab.running import to_the_end
from leanlab.sweep import report
from leanlab.sweep.conductor import Conductor
from leanlab.sweep.grid import Plan
from leanlab.sweep.live import LiveSweep
from leanlab.sweep.results import Results, read_plan
from leanlab.sweep.summary import summarise

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.lab import Lab
    from leanlab.sweep.conductor import Settings
    from leanlab.sweep.summary import Layout, Summary


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep came to, and why it is over."""

    summary: Summary
    failed: int
    """Points that could not be run."""
    budget_ended: bool
    """Whether a budget, the sweep's or the lab's own, left points without all their attempts."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a command line says of a plan; None where it says nothing."""

    axes: dict[str, tuple[str, ...]] | None = None
    attempts: int | None = None
    backend: str | None = None
    model: str | None = None
    effort: Level | None = None
    policy: str | None = None
    seed: int | None = None

    def said(self) -> dict[str, Any]:
        return {k: v for k, v in msgspec.structs.asdict(self).items() if v is not None}


def begin(lab: Lab, asked: Asked, out: Path | None) -> tuple[Path, Plan]:
    """Return a new sweep's folder and plan; raise when something is there. Nothing is made."""
    defaults = {"attempts": max(1, lab.config.budget.trials)}
    plan = Plan(lab=str(lab.folder), **defaults | asked.said())
    if out is None:
        name = time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + secrets.token_hex(2)
        return _sweeps(lab) / name, plan
    if read_plan(out) is not None:
        raise LabError(f"{out} holds a sweep. Go on with it by --resume, or name another --out.")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise LabError(f"{out} is there already. Name a new or an empty folder.")
    return out, plan


def go_on(lab: Lab, asked: Asked, out: Path | None) -> tuple[Path, Plan]:
    """Return the folder and plan of an earlier sweep: the one named, or the lab's last.

    The number of attempts may change; whatever else is said again must be the same.
    """
    folder, plan = _earlier(lab, out)
    for key, value in {"lab": str(lab.folder), **asked.said()}.items():
        before = getattr(plan, key)
        if key != "attempts" and value != before:
            raise ConfigError(
                f"the sweep in {folder} has {key} {_shown(before)}, not {_shown(value)}: results "
                "of both cannot be compared. Leave it out, or begin a new sweep without --resume."
            )
    return folder, msgspec.structs.replace(plan, attempts=asked.attempts or plan.attempts)


def _earlier(lab: Lab, out: Path | None) -> tuple[Path, Plan]:
    folders = [out] if out else sorted(_sweeps(lab).glob("*/"), reverse=True)
    for folder in folders:
        plan = read_plan(folder)
        if plan is not None:
            return folder, plan
    raise LabError(f"there is no sweep in {out or _sweeps(lab)}. Begin one without --resume.")


def _sweeps(lab: Lab) -> Path:
    return lab.state / "sweeps"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={','.join(values)}" for key, values in value.items())
    return str(value)


def check(plan: Plan, lab: Lab) -> None:
    """Raise on what would fail at every point."""
    choosing.choose(plan.backend)
    policy.make(plan.policy, lab.config)


def conduct(
    plan: Plan, folder: Path, settings: Settings, arranged: Layout, metric: str | None = None
) -> Ending:
    """Run what is unfinished, then write the summary. Ctrl-C raises KeyboardInterrupt."""
    lab = open_lab(plan.lab)
    check(plan, lab)
    with Results(folder) as results:
        results.write_plan(plan)
        with LiveSweep(plan, results, arranged, lab.config.objective) as live:
            to_the_end(Conductor(plan, results, settings, live).run())
        summary = summarise(lab, plan, results, arranged, metric)
        report.write(summary, folder)
        return Ending(
            summary=summary,
            failed=sum(point.status == "failed" for point in summary.points),
            budget_ended=any(point.status in ("budget", "waiting") for point in summary.points),
        )
