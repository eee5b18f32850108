import json
import os
import shutil
import subprocess
import sys
import tempfile
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
def test_an_attack_fails_when_confined_and_works_when_not(attack, sandbox, unconfined, name):
    assert attack(sandbox, name) != "worked"
    assert attack(unconfined, name) == "worked"


def test_names_of_hidden_files_are_visible_in_tier_b_alone(tier_a, tier_b, victim):
    source = b"import os\ndef f(path):\n    return os.path.exists(path)\n"
    seen = {}
    for tier, sandbox in (("A", tier_a), ("B", tier_b)):
        with sandbox.process(Limits()) as process:
            process.load(source, "x.py")
            seen[tier] = process.call("f", [victim["secret"]], reply="bit").marks
    assert seen == {"A": b"0", "B": b"1"}


def run_script(script, *denied, python=sys.executable, **options):
    command = [python, str(script), *denied]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, **options
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("denied", [["unshare"], ["mount"]])
def test_where_a_container_denies_namespaces_every_attack_fails_all_the_same(
    attack_script, best_tier, denied
):
    if best_tier == "none":
        pytest.skip("this machine gives neither tier A nor tier B")
    report = run_script(attack_script.path, *denied)
    assert (report["tier"], report["worked"]) == ("B", [])
    assert "no namespaces" in report["text"]


@pytest.mark.parametrize("denied", ["landlock", "seccomp"])
def test_a_machine_without_a_layer_is_refused_and_told_which(attack_script, denied):
    report = run_script(attack_script.path, denied)
    assert report["tier"] == "none"
    assert f"no {denied} ({denied}: Operation not permitted" in report["text"]
    assert "--allow-unsandboxed" in report["text"]


NOBODY = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}


def _nobody_can_run(python):
    try:
        return subprocess.run([python, "-c", "import json"], **NOBODY).returncode == 0
    except OSError:
        return False


@pytest.fixture
def home_of_nobody():
    """An interpreter and leanlab where an ordinary user can read them."""
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user already, so every other test is this one")
    import msgspec

    import leanlab

    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    paths = [Path(sys.base_prefix, "bin", version), Path("/usr/bin", version)]
    interpreter = next((path for path in paths if _nobody_can_run(path)), None)
    if interpreter is None:
        pytest.skip(f"no {version} that an ordinary user can run")
    with tempfile.TemporaryDirectory(prefix="nobody-") as name:
        home = Path(name)
        home.chmod(0o755)
        (home / "bin").mkdir()
        (home / "bin" / "python").symlink_to(interpreter)
        (home / "pyvenv.cfg").write_text(f"home = {interpreter.parent}\n")
        packages = home / "lib" / version / "site-packages"
        for package in (leanlab, msgspec):
            source = Path(package.__file__).parent
            shutil.copytree(source, packages / source.name)
        shutil.copytree(Path(__file__).parent, home / "tests")
        yield home


@pytest.mark.parametrize("denied", [[], ["unshare"]])
def test_an_ordinary_user_is_as_safe_as_root(home_of_nobody, denied):
    report = run_script(
        home_of_nobody / "tests" / "attack.py",
        *denied,
        python=home_of_nobody / "bin" / "python",
        **NOBODY,
    )
    assert report["worked"] == []
    assert report["tier"] == ("B" if denied else "A")
    assert ("user, mount" in report["text"]) == (not denied)
