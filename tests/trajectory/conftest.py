from __future__ import annotations

import pytest

from leanlab.trajectory.library import FunctionLibrary


@pytest.fixture(scope="session")
def default() -> FunctionLibrary:
    """The 118 functions."""
    return FunctionLibrary.default()
