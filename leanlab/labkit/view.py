"""What a lab's own files are handed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Lab(msgspec.Struct, frozen=True, kw_only=True):
    """The lab as evaluation.py and validate.py see it."""

    folder: Path
    data: Path
    """The data folder of the lab, or of the variant that is being run."""
    params: dict[str, Any] = {}
    """All parameters, hidden ones too."""
    seed: int = 0
    """Which repeat this is: 0, 1, … Evaluations with randomness of their own draw it from here."""
