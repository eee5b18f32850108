"""What labs and families import, and all that they import, of leanlab.

A lab's evaluation.py uses a candidate in one of three ways, `Candidate.call`,
`Candidate.fit_predict` and `Candidate.job`, and returns metrics. A family's researcher
works from a `Brief`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leanlab.config import Limits
    from leanlab.errors import CandidateFailed, ConfigError
    from leanlab.labkit.byhand import main, main_validate
    from leanlab.labkit.candidate import Bit, Candidate, Replies
    from leanlab.labkit.jobs import Done
    from leanlab.labkit.researcher import Brief, NothingToPropose, Proposal, Researcher, Row
    from leanlab.labkit.stream import Stream
    from leanlab.labkit.tool import Tool, ToolRefused
    from leanlab.labkit.view import Lab
    from leanlab.records import Verdict
    from leanlab.sandbox import Sandbox

__all__ = [
    "Bit",
    "Brief",
    "Candidate",
    "CandidateFailed",
    "ConfigError",
    "Done",
    "Lab",
    "Limits",
    "NothingToPropose",
    "Proposal",
    "Replies",
    "Researcher",
    "Row",
    "Sandbox",
    "Stream",
    "Tool",
    "ToolRefused",
    "Verdict",
    "main",
    "main_validate",
]

_HOME = {
    **dict.fromkeys(("CandidateFailed", "ConfigError"), "leanlab.errors"),
    **dict.fromkeys(("main", "main_validate"), "leanlab.labkit.byhand"),
    **dict.fromkeys(("Bit", "Candidate", "Replies"), "leanlab.labkit.candidate"),
    **dict.fromkeys(
        ("Brief", "NothingToPropose", "Proposal", "Researcher", "Row"), "leanlab.labkit.researcher"
    ),
    "Done": "leanlab.labkit.jobs",
    **dict.fromkeys(("Tool", "ToolRefused"), "leanlab.labkit.tool"),
    "Lab": "leanlab.labkit.view",
    "Limits": "leanlab.config",
    "Sandbox": "leanlab.sandbox",
    "Stream": "leanlab.labkit.stream",
    "Verdict": "leanlab.records",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: a researcher does not load the sandbox, nor an evaluation numpy.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'leanlab.labkit' has no attribute {name!r}")
