"""How the helper of an enclosed command is started, and what it reports."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

# Not `-m`: see sandbox.py.
_START = """
import sys, types
package = sys.modules["leanlab"] = types.ModuleType("leanlab")
package.__path__ = [sys.argv[1]]
from leanlab.sandbox.{profile} import main
main()
"""


class Ready(msgspec.Struct, frozen=True):
    """The helper's report; nothing of the lab can write it."""

    landlock: int = 0
    failed: str = ""
    """Why nothing was run; empty when the command was."""
    start: bool = False
    """Whether it is the command itself that could not be started."""


def starting(profile: str) -> list[str]:
    """The command that starts a helper; the parent's process id and a descriptor are to follow."""
    root = str(Path(__file__).resolve().parents[1])
    return [sys.executable, "-P", "-s", "-S", "-c", _START.format(profile=profile), root]


def last_word(report: bytes) -> Ready:
    """Read the last line of a report, which counts."""
    lines = report.split(b"\n")
    said = [msgspec.json.decode(line, type=Ready) for line in lines if line]
    return said[-1] if said else Ready(failed="its helper ended at its start")
