"""Command groups of installed packages are commands like leanlab's own."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from leanlab.cli import app, groups
from leanlab.errors import ConfigError

brought = typer.Typer(help="A group that a package brings.")


@brought.callback()
def _group() -> None: ...


@brought.command("speak")
def speak(word: str = "hello") -> None:
    """Say a word."""
    if word == "curse":
        raise ConfigError("--word curse: no cursing here; say another word.")
    typer.echo(word)


class _Point:
    """Stands for the entry point of an installed distribution."""

    name = "brought"

    def load(self) -> typer.Typer:
        return brought


@pytest.fixture
def runner(monkeypatch):
    installed = {**groups._installed(), "brought": _Point()}
    monkeypatch.setattr(groups, "_installed", lambda: installed)
    groups.load.cache_clear()
    yield CliRunner()
    groups.load.cache_clear()


def test_the_group_is_listed_and_its_help_is_plain(runner):
    assert "A group that a package brings." in runner.invoke(app, ["--help"]).output
    told = runner.invoke(app, ["brought", "speak", "-h"]).output
    assert "Say a word." in told
    assert "completion" not in told


def test_an_expected_fault_is_one_line_and_status_2(runner):
    result = runner.invoke(app, ["brought", "speak", "--word", "curse"])
    assert result.exit_code == 2
    assert result.output == "leanlab: --word curse: no cursing here; say another word.\n"


def test_a_variable_sets_an_option(runner):
    result = runner.invoke(app, ["brought", "speak"], env={"LEANLAB_WORD": "aloud"})
    assert result.output == "aloud\n"


def test_synth_is_installed():
    result = CliRunner().invoke(app, ["synth", "targets", "--json"])
    assert ("fn_a", "parity_all") in {(one["id"], one["name"]) for one in json.loads(result.output)}


def test_an_unknown_command_is_named():
    result = CliRunner().invoke(app, ["conjure"])
    assert result.exit_code == 2
    assert "conjure" in result.output
