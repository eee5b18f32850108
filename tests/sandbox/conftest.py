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


LAYERS = {
    "A": ("namespaces", "landlock", "seccomp"),
    "B": ("landlock", "seccomp"),
    "C": ("namespaces", "seccomp"),
    "D": ("seccomp",),
}


def of_tier(tier, imports=()):
    with Sandbox(imports, layers=LAYERS[tier], allow_unsandboxed=True) as sandbox:
        if sandbox.confinement.tier != tier:
            pytest.skip(f"this machine does not give tier {tier}")
        yield sandbox


@pytest.fixture(scope="session")
def tier_a():
    yield from of_tier("A")


@pytest.fixture(scope="session")
def tier_b():
    yield from of_tier("B")


@pytest.fixture(scope="session")
def tier_c():
    yield from of_tier("C")


@pytest.fixture(scope="session")
def tier_d():
    yield from of_tier("D")


@pytest.fixture(scope="session", params=LAYERS)
def attacked(request, attack_script):
    """A sandbox of each tier, in which attacks can import what they need."""
    yield from of_tier(request.param, attack_script.IMPORTS)


@pytest.fixture(scope="session")
def unconfined():
    with Sandbox(allow_unsandboxed=True, layers=()) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def with_numpy(best_tier):
    if best_tier == "none":
        pytest.skip("this machine gives no tier")
    with Sandbox(["numpy"]) as sandbox:
        yield sandbox


@pytest.fixture(params=LAYERS)
def sandbox(request):
    return request.getfixturevalue(f"tier_{request.param.lower()}")


@pytest.fixture(params="ABC")
def reading(request):
    """A sandbox of each tier in which some files can be read."""
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
