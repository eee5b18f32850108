"""Thirty rounds of what `make chaos` plays a thousand of."""

from __future__ import annotations

from pathlib import Path

import pytest

from .chaos.rounds import play


@pytest.mark.slow
def test_thirty_rounds_of_kills_and_faults(tmp_path: Path) -> None:
    arena = None
    for arena in play(30, seed=9, folder=tmp_path):  # noqa: B007 - each round checks itself
        pass
    assert arena is not None
    assert len(arena.acknowledged) > 15
