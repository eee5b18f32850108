"""Plays every attack at every tier, and against an open lab, and writes the table of docs/trust.md.

`make attack` runs it, on a machine that gives tier A. Lower tiers are real ones: a filter around
the whole command denies what containers and old kernels do not have. The status is 1 if an attack
won against a promise, did not win where nothing held it, or came to something else against the
open lab than its file in leanlab/attacks/snippets/ says.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from leanlab.attacks import attacks
from leanlab.attacks.victim import make_open_lab

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "trust.md"
NATIVE = ROOT / "labs" / "parity"
START, END = "<!-- made by make attack -->", "<!-- end of what make attack made -->"
TIERS = {
    "A": [],
    "B": ["namespaces"],
    "C": ["landlock=ENOSYS"],
    "D": ["namespaces", "landlock=ENOSYS"],
}
"""What is denied to get each tier: mechanisms of tests/sandbox/attack.py."""
OPEN_TIERS = ("A", "C")
HEAD = (
    "| | attack | would win | A | B | C | D | open lab | control |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)

Found = list[dict[str, Any]]


def play(lab: Path, tier: str, *options: str) -> Found:
    """Run the command in a process of its own, under a filter."""
    command = [sys.executable, __file__, "--denied", ",".join(TIERS[tier]), str(lab), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    found: Found = json.loads(done.stdout)
    assert {one["tier"] for one in found} == {tier}, found
    return found


def become_check(denied: str, lab: str, options: list[str]) -> None:
    if denied:
        script = ROOT / "tests" / "sandbox" / "attack.py"
        runpy.run_path(str(script))["deny"](denied.split(","))
    command = ["-m", "leanlab", "check", lab, "--attack", "--json", *options]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606


def table(native: list[Found], opened: Found) -> str:
    """native is a list for each tier, the first of them with the control."""
    rows = []
    for one, *others, in_open_lab in zip(*native, opened, strict=True):
        where = one["control_words"].partition(":")[0].partition(";")[0]
        control = f"{one['control']}: {where}" if one.get("control") else where
        verdicts = [each["verdict"] for each in (one, *others, in_open_lab)]
        cells = (one["number"], one["title"], one["prize"], *verdicts, control)
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return HEAD + "\n".join(rows) + "\n"


def faults(native: list[Found], opened: list[Found]) -> list[str]:
    """What is not as it should be, a line each."""
    said = {attack.number: attack.open for attack in attacks()}
    told = []
    for one in (one for found in (*native, *opened) for one in found):
        name = f"{one['number']}, tier {one['tier']}"
        if one["verdict"] != "resisted" and one["promised"]:
            told.append(f"{name}: {one['verdict']}: {one['evidence']}")
        if one.get("control") == "resisted":
            told.append(f"{name}: does not work where nothing holds it")
    told += [
        f"{one['number']}, tier {one['tier']}, open lab: {one['verdict']}; its file says other"
        for found in opened
        for one in found
        if one["verdict"] != said[one["number"]]
    ]
    return told


def main() -> int:
    if sys.argv[1:2] == ["--denied"]:
        become_check(sys.argv[2], sys.argv[3], sys.argv[4:])
    control = {"A": ("--control",)}
    native = [play(NATIVE, tier, *control.get(tier, ())) for tier in TIERS]
    with tempfile.TemporaryDirectory(prefix="open-lab-") as folder:
        victim = make_open_lab(Path(folder) / "four-bits")
        opened = [play(victim, tier) for tier in OPEN_TIERS]
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    _, after = rest.split(END)
    made = table(native, opened[0])
    PAGE.write_text(f"{before}{START}\n\n{made}\n{END}{after}", encoding="utf-8")
    print(made)  # noqa: T201 - what the command is for
    for line in (told := faults(native, opened)):
        print(line, file=sys.stderr)  # noqa: T201
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
