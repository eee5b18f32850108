from pathlib import Path

import pytest

from leanlab.config import Limits

NAMES = sorted(path.stem for path in (Path(__file__).parent / "attacks").glob("*.py"))


@pytest.fixture
def victim(attack_script):
    with attack_script.victims() as victim:
        yield victim


@pytest.fixture
def attack(attack_script, victim):
    def attack(sandbox, name):
        path = Path(__file__).parent / "attacks" / f"{name}.py"
        return attack_script.attack(sandbox, path, victim)

    return attack


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_fails_when_confined_and_works_when_not(attack, attacked, unconfined, name):
    assert attack(attacked, name) != "worked"
    assert attack(unconfined, name) == "worked"


def test_names_of_hidden_files_are_visible_in_tier_b_alone(sandbox, victim):
    source = b"import os\ndef f(path):\n    return os.path.exists(path)\n"
    with sandbox.process(Limits()) as process:
        process.load(source, "x.py")
        marks = process.call("f", [victim["secret"]], reply="bit").marks
    assert marks == (b"1" if sandbox.confinement.tier == "B" else b"0")
