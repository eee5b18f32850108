"""Packages that a model asks for, installed for real: by pip, into a Python of the test's own."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from leanlab import events
from leanlab.backends.openai import KEY
from leanlab.dashboard.moments import moment
from leanlab.tools.installing import InstallFailed, install

from .conftest import GOOD, MakeLab
from .fake_openai import FakeOpenAI, Says
from .processes import descendants, gone, trials
from .test_openai import configure, submits, writes
from .test_recording import story

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_NO_CACHE_DIR": "1"}
"""Settings of pip's that keep it from every index."""


def wheel(folder: Path, name: str, module: str, source: str, *needs: str) -> Path:
    """Write a wheel of one module, version 1.5."""
    about = f"{name}-1.5.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {f"{module}.py": source, f"{about}/METADATA": metadata, f"{about}/WHEEL": tags}
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        rows.append(f"{path},sha256={digest.rstrip('=')},{len(text.encode())}\n")
    files[f"{about}/RECORD"] = "".join([*rows, f"{about}/RECORD,,\n"])
    folder.mkdir(exist_ok=True)
    target = folder / f"{name}-1.5-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return target


def source(folder: Path, name: str, build_does: str) -> None:
    """Write a source package that is built by this code."""
    project = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    files = {"pyproject.toml": project, "own.py": build_does}
    with tarfile.open(folder / f"{name}-1.5.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}-1.5/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python of its own, which sees what the tests see; what is installed, it has alone."""
    home = tmp_path / "python"
    made = [sys.executable, "-m", "venv", "--without-pip", str(home)]
    subprocess.run(made, check=True)
    (store,) = home.glob("lib/python*/site-packages")
    seen = [path for path in sys.path if path.endswith("site-packages")]
    root = str(Path(events.__file__).parents[1])
    (store / "seen.pth").write_text("".join(f"{path}\n" for path in [root, *seen]))
    return home / "bin" / "python"


def leanlab(
    python: Path, wheels: Path, *words: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    settings = OFFLINE | {"PIP_FIND_LINKS": str(wheels), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [str(python), "-m", "leanlab", *map(str, words)],
        cwd=wheels, env=settings | {KEY: "sk-secret"} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def asks(package: str, reason: str = "it measures") -> Says:
    return Says(calls=(("request_package", {"package": package, "reason": reason}),))


def runs(code: str) -> Says:
    return Says(calls=(("run_python", {"code": code}),))


def requested(lab: Path) -> list[events.PackageRequested]:
    found = events.from_file(lab / ".leanlab" / "events.jsonl")
    return [event for event in found if isinstance(event, events.PackageRequested)]


def unpriced(lab: Path) -> list[object]:
    """What a ledger says but for costs: a replay adds them up in another order."""
    rows = story(lab)
    for row in rows:
        if isinstance(row, dict):
            row.pop("cost_usd", None)
    return rows


NEEDS_IT = "import tapemeasure\n\n\ndef f(x):\n    return tapemeasure.length(x)\n"
MEASURES = "from tapeparts import count\n\n\ndef length(text):\n    return count(text)\n"


def test_a_listed_package_is_installed_in_the_middle_of_a_trial(
    make_lab: MakeLab, tmp_path: Path, python: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheel(wheels, "tape_measure", "tapemeasure", MEASURES, "tape-parts")
    wheel(wheels, "tape_parts", "tapeparts", "def count(text):\n    return len(text)\n")
    lab = make_lab(packages={"tapemeasure": "tape-measure[all]>=1.2,<2"}, critic_every=0)
    look = "import tapemeasure; print(tapemeasure.length('four'))"
    steps = [
        runs("import tapemeasure"), writes(NEEDS_IT), submits("without it"),
        asks("tape-measure"), asks("tapemeasure"), runs(look), writes(NEEDS_IT + "# again\n"),
        submits("with it"),
    ]  # fmt: skip
    with FakeOpenAI(*steps) as fake:
        configure(lab, fake)
        copy = Path(shutil.copytree(lab, tmp_path / "copy"))
        done = leanlab(python, wheels, "run", lab, "-n", "1", "--record", "takes")
    assert done.returncode == 0, done.stderr
    told = fake.asked[-1].tool_answers
    assert "No module named 'tapemeasure'" in fake.asked[1].tool_answers[-1]
    assert "ModuleNotFoundError" in fake.asked[3].said[-1]
    assert "tapemeasure is installed now, in version 1.5: import it." in told
    assert "tapemeasure is there: import it." in told
    assert "4" in told
    (trial,) = trials(lab)
    assert (trial.status, trial.fixes, trial.metrics["accuracy"]) == ("scored", 1, 1.0)
    assert "  installed tapemeasure 1.5, for the Worker\n" in done.stdout
    assert [(e.package, e.allowed, e.installed) for e in requested(lab)] == [
        ("tapemeasure", True, "1.5"), ("tapemeasure", True, ""),
    ]  # fmt: skip
    by_hand = [str(python), str(lab / "evaluation.py"), str(lab / trial.experiment_file)]
    assert subprocess.run(by_hand, capture_output=True, check=False).returncode == 0
    # A replay lets it be imported when the run did. Without it here, it installs nothing.
    missing = Path(shutil.copytree(copy, tmp_path / "missing"))
    done = leanlab(python, wheels, "run", copy, "-n", "1", "--replay", "takes")
    assert done.returncode == 0, done.stderr
    assert unpriced(copy) == unpriced(lab)
    assert [(e.package, e.installed) for e in requested(copy)] == [("tapemeasure", "1.5")]
    without = leanlab(Path(sys.executable), wheels, "run", missing, "-n", "1", "--replay", "takes")
    assert "not installed: tape-measure[all]>=1.2,<2; a replayed run installs" in without.stdout
    assert "it is not here, and a replayed run installs nothing\n" in without.stdout
    assert unpriced(missing) != unpriced(lab)


def test_what_cannot_be_installed_or_used_is_told_and_the_run_goes_on(
    make_lab: MakeLab, tmp_path: Path, python: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheel(wheels, "broken", "broken", f"raise OSError('no library in {tmp_path}')\n")
    wheel(wheels, "other", "another", "")
    wheel(wheels, "newer", "newer", "", "msgspec<0.1")
    source(wheels, "unbuilt", "raise OSError('no compiler')\n")
    packages = {
        "missing": "missing>=3", "broken": "broken", "other": "other", "newer": "newer",
        "unbuilt": "unbuilt",
    }  # fmt: skip
    lab = make_lab(packages=packages, critic_every=0)
    steps = [
        *map(asks, ("missing", "broken", "broken", "other", "newer", "unbuilt", "torch", "pip-x")),
        runs("print(6 * 7)"), writes(GOOD), submits("without"),
    ]  # fmt: skip
    with FakeOpenAI(*steps) as fake:
        configure(lab, fake)
        done = leanlab(python, wheels, "run", lab, "-n", "1")
    assert done.returncode == 0, done.stderr
    answers = fake.asked[-1].tool_answers
    missing, broken, again, other, newer, unbuilt, torch, project, snippet, _ = answers
    assert missing == (
        "missing could not be installed: pip finds no version of it that fits. Go on without it."
    )
    assert (
        broken
        == again
        == (
            "broken could not be installed: it is installed, but where experiments run it does not "
            "import. Go on without it."
        )
    )
    assert "other brings no module other." in other
    assert "it does not go together with what is installed." in newer
    assert "its build failed." in unbuilt
    assert "torch cannot be imported by an experiment. Your wish is written down" in torch
    assert "'pip-x' is no name that `import` takes." in project
    assert snippet == "42"
    (trial,) = trials(lab)
    assert (trial.status, trial.metrics["accuracy"]) == ("scored", 1.0)
    assert "  broken could not be installed for the Worker: lab.json lets" in done.stdout
    assert str(tmp_path) not in "".join(answers)
    assert "allow ../lengths torch)" in done.stdout
    log = (lab / ".leanlab" / "install.log").read_text()
    assert "pip install missing>=3: status 1" in log
    # What is installed and does not import is a person's to mend: nothing is scored without it.
    done = leanlab(python, wheels, "run", lab, "-n", "1")
    assert done.returncode == 2
    assert "experiments import what they cannot: broken does not import" in done.stderr


OPEN = """
import json, runpy, sys
f = runpy.run_path(sys.argv[1])["f"]
print(json.dumps({"accuracy": float(f("four") == 4)}))
"""


def test_an_open_labs_next_command_finds_it(
    make_lab: MakeLab, tmp_path: Path, python: Path
) -> None:
    wheels = tmp_path / "wheels"
    wheel(wheels, "tapemeasure", "tapemeasure", "length = len\n")
    lab = make_lab(
        evaluation=OPEN, validate="print('VALID')", packages={"tapemeasure": "tapemeasure"}
    )
    steps = [asks("tapemeasure"), runs("import tapemeasure; print(tapemeasure.length('12345'))")]
    with FakeOpenAI(*steps, writes(NEEDS_IT), submits("with it")) as fake:
        configure(lab, fake)
        done = leanlab(python, wheels, "run", lab, "-n", "1")
    assert done.returncode == 0, done.stderr
    assert fake.asked[-1].tool_answers[1] == "5"
    assert [(trial.status, trial.metrics) for trial in trials(lab)] == [
        ("scored", {"accuracy": 1.0})
    ]


def test_runs_that_install_into_one_python_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    log = tmp_path / "install.log"

    async def both() -> None:
        other = os.open(sys.prefix, os.O_RDONLY)
        fcntl.flock(other, fcntl.LOCK_EX)
        installing = asyncio.create_task(install("nowhere", "no-such-package", log))
        await asyncio.sleep(0.5)
        assert not log.exists()
        os.close(other)
        with pytest.raises(InstallFailed, match="pip finds no version of it that fits"):
            await installing

    asyncio.run(both())
    assert "pip install no-such-package: status 1\n" in log.read_text()


def test_a_run_that_is_interrupted_leaves_no_pip_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(tmp_path, "endless", "import time\nopen('begun', 'w')\ntime.sleep(60)\n")
    for name, value in (OFFLINE | {"PIP_FIND_LINKS": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    async def interrupted() -> set[int]:
        installing = asyncio.create_task(install("endless", "endless", tmp_path / "install.log"))
        while not list(tmp_path.rglob("begun")):
            assert not installing.done()
            await asyncio.sleep(0.05)
        at_work = descendants(os.getpid())
        installing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await installing
        return at_work

    at_work = asyncio.run(interrupted())
    assert at_work
    assert gone(at_work)


def test_the_dashboard_shows_requests_of_every_version() -> None:
    old = {"event": "package_requested", "trial": 2, "package": "x", "reason": "a net"}
    for more, text in (
        ({"allowed": False}, "x wished for"),
        ({"allowed": True, "installed": "1.5"}, "x version 1.5 installed"),
        ({"allowed": True, "fault": "no pip"}, "x could not be installed: no pip"),
    ):
        one = moment(json.dumps(old | more).encode(), ())
        assert one is not None
        assert (one.kind, one.text, one.trial) == ("package", f"{text}\na net", 2)
