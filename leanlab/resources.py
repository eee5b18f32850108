"""Finds what ships beside the code: prompt templates and labs.

An installed leanlab carries them in the package; an editable install reads the checkout.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE / "_shipped" if (_PACKAGE / "_shipped").is_dir() else _PACKAGE.parent

TEMPLATES = _ROOT / "templates"
SHIPPED_LABS = _ROOT / "labs"
