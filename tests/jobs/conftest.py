"""A sandbox for jobs, and a way to run one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leanlab.config import Limits
from leanlab.errors import CandidateFailed
from leanlab.labkit import Candidate, Done
from leanlab.sandbox import Sandbox, probe


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "labels.txt").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def sandbox(hidden: Path) -> Iterator[Sandbox]:
    if probe().tier not in ("A", "C"):
        pytest.skip("jobs need namespaces and seccomp")
    with Sandbox(imports=["numpy"], hidden=[hidden]) as sandbox:
        yield sandbox


Job = Callable[..., Done]


@pytest.fixture
def job(sandbox: Sandbox) -> Job:
    """Run an experiment's source as a job, public unless it is said otherwise."""

    def start(source: str, *command: str, limits: Limits | None = None, **options: object) -> Done:
        words = command or ("python", "{file}")
        limits = limits or Limits(seconds=20)
        with Candidate(sandbox, source.encode(), "0001_idea.py", limits) as candidate:
            return candidate.job(words, **{"public": True, **options})  # type: ignore[arg-type]

    return start


def failed(call: Callable[[], object]) -> CandidateFailed:
    with pytest.raises(CandidateFailed) as caught:
        call()
    return caught.value
