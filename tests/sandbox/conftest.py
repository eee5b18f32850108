import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from leanlab.config import Limits
from leanlab.labkit.candidate import Candidate
from leanlab.sandbox import Sandbox, probe


@pytest.fixture(scope="session")
def attack_script():
    path = Path(__file__).parent / "attack.py"
    return SimpleNamespace(path=path, **runpy.run_path(str(path)))


@pytest.fixture(scope="session")
def best_tier():
    return probe().tier


@pytest.fixture(scope="session")
def tier_a(best_tier):
    if best_tier != "A":
        pytest.skip("this machine does not give tier A")
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def tier_b(best_tier):
    if best_tier == "none":
        pytest.skip("this machine gives neither tier A nor tier B")
    with Sandbox(layers=("landlock", "seccomp")) as sandbox:
        assert sandbox.confinement.tier == "B"
        yield sandbox


@pytest.fixture(scope="session")
def unconfined():
    with Sandbox(allow_unsandboxed=True, layers=()) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def with_numpy(best_tier):
    if best_tier == "none":
        pytest.skip("this machine gives neither tier A nor tier B")
    with Sandbox(["numpy"]) as sandbox:
        yield sandbox


@pytest.fixture(params=["A", "B"])
def sandbox(request):
    return request.getfixturevalue(f"tier_{request.param.lower()}")


@pytest.fixture
def candidate(tier_b):
    """Make candidates of source text; they are closed in the end."""
    made = []

    def make(source, *, sandbox=tier_b, seed=0, **limits):
        text = source.encode() if isinstance(source, str) else source
        one = Candidate(sandbox, text, "0001_idea.py", Limits(**limits), seed=seed)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
