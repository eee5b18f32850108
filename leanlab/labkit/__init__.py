"""What labs and families import, and all that they import, of leanlab.

A lab's evaluation.py uses a candidate in one of four ways, `Candidate.call`,
`Candidate.call_each`, `Candidate.fit_predict` and `Candidate.job`, and returns metrics. A
family's researcher works from a `Brief`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leanlab.config import Limits
    from leanlab.errors import CandidateFailed, ConfigError
    from leanlab.labkit.asking import Asker, NoAnswer, Said, ask, asker
    from leanlab.labkit.byhand import main, main_validate
    from leanlab.labkit.candidate import Candidate
    from leanlab.labkit.jobs import Done
    from leanlab.labkit.prompting import prompt
    from leanlab.labkit.replies import Bit, Each, Replies
    from leanlab.labkit.researcher import Brief, NothingToPropose, Proposal, Researcher, Row
    from leanlab.labkit.stream import Stream
    from leanlab.labkit.tool import Tool, ToolRefused
    from leanlab.labkit.view import Lab
    from leanlab.records import Artifact, Verdict
    from leanlab.sandbox import Sandbox

__all__ = [
    "Artifact",
    "Asker",
    "Bit",
    "Brief",
    "Candidate",
    "CandidateFailed",
    "ConfigError",
    "Done",
    "Each",
    "Lab",
    "Limits",
    "NoAnswer",
    "NothingToPropose",
    "Proposal",
    "Replies",
    "Researcher",
    "Row",
    "Said",
    "Sandbox",
    "Stream",
    "Tool",
    "ToolRefused",
    "Verdict",
    "ask",
    "asker",
    "main",
    "main_validate",
    "prompt",
]

_HOME = {
    **dict.fromkeys(("CandidateFailed", "ConfigError"), "leanlab.errors"),
    **dict.fromkeys(("Asker", "NoAnswer", "Said", "ask", "asker"), "leanlab.labkit.asking"),
    **dict.fromkeys(("main", "main_validate"), "leanlab.labkit.byhand"),
    "Candidate": "leanlab.labkit.candidate",
    **dict.fromkeys(("Bit", "Each", "Replies"), "leanlab.labkit.replies"),
    **dict.fromkeys(
        ("Brief", "NothingToPropose", "Proposal", "Researcher", "Row"), "leanlab.labkit.researcher"
    ),
    "prompt": "leanlab.labkit.prompting",
    "Done": "leanlab.labkit.jobs",
    **dict.fromkeys(("Tool", "ToolRefused"), "leanlab.labkit.tool"),
    "Lab": "leanlab.labkit.view",
    "Limits": "leanlab.config",
    "Sandbox": "leanlab.sandbox",
    "Stream": "leanlab.labkit.stream",
    **dict.fromkeys(("Artifact", "Verdict"), "leanlab.records"),
}


def __getattr__(name: str) -> Any:
    # Imported on first use: a researcher does not load the sandbox, nor an evaluation numpy.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'leanlab.labkit' has no attribute {name!r}")
