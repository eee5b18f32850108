"""A research lab in a folder: propose, score behind a seal, remember, repeat.

`leanlab.run("labs/parity")` is `leanlab run --lab labs/parity`. Nothing heavy is imported here:
the command line answers before the engine is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leanlab.running import run

__all__ = ["__version__", "run"]
__version__ = "1.0.0.dev0"


def __getattr__(name: str) -> Any:
    if name == "run":
        return import_module("leanlab.running").run
    raise AttributeError(f"module 'leanlab' has no attribute {name!r}")
