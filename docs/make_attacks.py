"""Plays every attack at tier A and at tier B and writes the table of docs/trust.md.

`make attack` runs it, on a machine that gives tier A. Tier B is the real one of a container: a
filter around the whole command denies namespaces. The status is 1 if an attack won, or did not win
where nothing held it.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "trust.md"
LAB = ROOT / "labs" / "parity"
START, END = "<!-- made by make attack -->", "<!-- end of what make attack made -->"
TIERS = {"A": [], "B": ["unshare"]}
"""What is denied to get each tier."""
HEAD = "| | attack | would win | tier A | tier B | control |\n|---|---|---|---|---|---|\n"


def play(denied: list[str], *options: str) -> list[dict[str, Any]]:
    """Run the command in a process of its own, under a filter."""
    command = [sys.executable, __file__, "--denied", ",".join(denied), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def become_check(denied: str, options: list[str]) -> None:
    if denied:
        script = ROOT / "tests" / "sandbox" / "attack.py"
        runpy.run_path(str(script))["deny"](denied.split(","))
    command = ["-m", "leanlab", "check", str(LAB), "--attack", "--json", *options]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606


def table(at_a: list[dict[str, Any]], at_b: list[dict[str, Any]]) -> str:
    rows = []
    for a, b in zip(at_a, at_b, strict=True):
        assert (a["tier"], b["tier"], a["number"]) == ("A", "B", b["number"]), (a, b)
        where = a["control_words"].partition(":")[0].partition(";")[0]
        control = f"{a['control']}: {where}" if a.get("control") else where
        cells = (a["number"], a["title"], a["prize"], a["verdict"], b["verdict"], control)
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    if sys.argv[1:2] == ["--denied"]:
        become_check(sys.argv[2], sys.argv[3:])
    found = [play(TIERS["A"], "--control"), play(TIERS["B"])]
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{START}\n\n{table(*found)}\n{END}{after}", encoding="utf-8")
    print(table(*found))  # noqa: T201 - what the command is for
    won = any(one["verdict"] != "resisted" for each in found for one in each)
    return int(won or any(one.get("control") == "resisted" for one in found[0]))


if __name__ == "__main__":
    sys.exit(main())
