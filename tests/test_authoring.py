"""What docs/authoring.md and docs/evaluators.md tell a reader to do, done in their order."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path

from leanlab.resources import SHIPPED_LABS

from .test_docs import BLOCKS, call, last_trial, sessions, write

CHECKER = doctest.OutputChecker()


def play(page: str, folder: Path) -> list[str]:
    """Run a page's commands in order, and hold what they print against what it shows.

    A block of files is written when the command after it is reached, as a reader would do it.
    """
    ran = []
    for block in BLOCKS:
        if block.page == page and block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if (block.page, block.language) != (page, "console"):
            continue
        for command, shown in sessions(block):
            if "--attack" in command:
                continue  # tests/test_attacks.py plays them
            done = call(command, folder)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            assert not shown or CHECKER.check_output(shown, done.stdout, doctest.ELLIPSIS), (
                f"{command}\nprints\n{done.stdout}\nand the page shows\n{shown}"
            )
            ran.append(command)
    return ran


def test_a_lab_is_authored_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    shutil.copytree(SHIPPED_LABS / "parity", tmp_path / "labs" / "parity")
    ran = play("docs/authoring.md", tmp_path)
    assert len(ran) == 11
    assert last_trial(tmp_path / "primes").trial == 6
    assert last_trial(tmp_path / "old").open
    assert (tmp_path / "words" / "data" / "train.txt").is_file()
    assert '"circles": 10' in (tmp_path / "packing" / "lab.json").read_text()


def test_the_lab_of_the_page_refuses_a_loop(tmp_path: Path) -> None:
    write(tmp_path, "docs/authoring.md")
    sieve = "def f(n):\n    return sum(all(m % d for d in range(2, m)) for m in range(2, n))\n"
    (tmp_path / "sieve.py").write_text(sieve)
    done = call("leanlab try primes sieve.py", tmp_path)
    assert done.returncode == 1
    assert "It has a loop" in done.stdout


def test_what_is_said_of_evaluators_holds(tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    for name in ("parity", "prime"):
        shutil.copytree(SHIPPED_LABS / name, tmp_path / "labs" / name)
    ran = play("docs/evaluators.md", tmp_path)
    assert [command.split()[0:2] for command in ran] == [
        ["python", "tolerance.py"], ["leanlab", "new"], ["leanlab", "run"], ["leanlab", "synth"],
        ["leanlab", "try"],
    ]  # fmt: skip
    assert last_trial(tmp_path / "labs" / "parity").metrics["test_accuracy"] == 0.5
