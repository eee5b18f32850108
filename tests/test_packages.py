"""Packages in lab.json: what it may say, who may import them, and how a person allows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leanlab import config
from leanlab.cli import app
from leanlab.errors import ConfigError
from leanlab.jsontext import put
from leanlab.lab import open_lab
from leanlab.packages import importable, listed_as, version_here

from .conftest import MakeLab

# What lab.json may say.

TRICKS = [
    "--index-url=http://evil", "-r file", "../x", "./x", "/x", "x.whl", "x.tar.gz", "x===1.zip",
    "x @ file:///x", "x@http://evil", "x; python_version > '3'", "x >=1", "x\n--pre", "x===1",
    "", " x", "x[", "git+https://evil", "x==1.zip", "ｘ",
]  # fmt: skip


@pytest.mark.parametrize("requirement", TRICKS)
def test_a_requirement_is_a_name_extras_and_versions(make_lab: MakeLab, requirement: str) -> None:
    folder = make_lab(packages={"x": requirement})
    with pytest.raises(
        ConfigError, match=r"lab.json: 'packages.x': .* such as 'scikit-learn>=1.5'"
    ):
        open_lab(folder)


@pytest.mark.parametrize(
    "module", ["--pre", "../x", "x y", "", "1x", "x..y", "scikit-learn", "leanlab"]
)
def test_a_module_is_what_import_takes(make_lab: MakeLab, module: str) -> None:
    with pytest.raises(ConfigError, match="lab.json: 'packages': "):
        open_lab(make_lab(packages={module: "x"}))


def test_plain_requirements_are_taken() -> None:
    for text in ("x", "X.y_z-1", "x[a,b]>=1.5,<2", "x==1.0rc1", "x~=1.4", "x!=2.*"):
        raw = {"name": "x", "objective": {"metric": "m"}, "packages": {"a.b": text}}
        assert config.parse(json.dumps(raw).encode(), "lab.json").packages == {"a.b": text}


def test_packages_are_of_the_fingerprint_where_there_are_any(make_lab: MakeLab) -> None:
    def fingerprint(name: str, **more: Any) -> str:
        return open_lab(make_lab(name, **more)).fingerprint({})

    none = fingerprint("a")
    assert none == fingerprint("b", packages={})
    some = fingerprint("c", packages={"x": "x>=1", "y": "y"})
    assert some == fingerprint("d", packages={"y": "y", "x": "x>=1"})
    assert len({none, some, fingerprint("e", packages={"x": "x>=2", "y": "y"})}) == 3


def test_what_is_here_is_of_a_version_that_fits() -> None:
    assert version_here("msgspec", "msgspec>=0.1") == version_here("msgspec.json", "MsgSpec")
    assert version_here("msgspec", "msgspec>=999") is None
    assert version_here("nowhere", "msgspec") is None
    assert version_here("msgspec.nowhere", "msgspec") is None
    assert version_here("json", "no-such-package") is None


def test_what_experiments_may_import_and_how_it_is_asked_for(make_lab: MakeLab) -> None:
    packages = {"msgspec": "msgspec", "sklearn_": "Scikit.Learn_X>=1.5", "a.b": "ab"}
    made = open_lab(make_lab(imports=["math"], packages=packages)).config
    assert importable(made) == ("math", "msgspec")
    names = ("math", "msgspec.json", "scikit-learn-x", "a.b.c", "a", "torch", "sklearn_")
    found = [listed_as(name, made) for name in names]
    assert found == ["math", "msgspec", "sklearn_", "a.b", None, None, "sklearn_"]


def test_a_dry_run_and_a_check_tell_what_may_be_installed(make_lab: MakeLab) -> None:
    lab = str(make_lab(packages={"msgspec": "msgspec", "nowhere": "no-where>=1.5"}))
    here = version_here("msgspec", "msgspec")
    dry = CliRunner().invoke(app, ["run", lab, "--dry-run"]).output
    assert f"\npackage    msgspec: msgspec  (version {here} here)\n" in dry
    assert "\npackage    nowhere: no-where>=1.5  (installed when asked for)\n" in dry
    look = CliRunner().invoke(app, ["check", lab]).output
    assert (
        f"\n⚠ imports: msgspec {here}; not installed until a model asks for it: nowhere "
        "(no-where>=1.5)\n"
    ) in look


# leanlab allow.


def allow(*words: object) -> str:
    done = CliRunner().invoke(app, ["allow", *map(str, words)])
    return f"{done.exit_code} {done.output.strip()}"


def test_a_person_agrees_to_a_wish(lab: Path) -> None:
    state = lab / ".leanlab"
    state.mkdir()
    old = {"event": "package_requested", "trial": 2, "package": "torch", "reason": "a\nnet"}
    lines = [json.dumps(old | {"allowed": False}), json.dumps(old | {"allowed": False, "trial": 4})]
    (state / "events.jsonl").write_text("\n".join(lines) + "\n")
    text = '{\n  "name": "x",\n\n  "objective":   {"metric": "accuracy", "target": 1.0}\r\n}\n'
    (lab / "lab.json").write_bytes(text.encode())
    named = open_lab(lab).named
    assert allow(lab) == f"0 wished: torch, 2 times, last in trial 4 of {named}: a net"
    agreed = allow(lab, "torch", "--requirement", "torch>=2")
    assert agreed.startswith(
        f"0 torch>=2 is now in {lab}/lab.json, for experiments that import torch"
    )
    assert f"to bring earlier scores along: leanlab rescore {named}" in agreed
    wanted = text.replace("1.0}\r\n}", '1.0},\n  "packages": {"torch": "torch>=2"}\r\n}')
    assert (lab / "lab.json").read_bytes().decode() == wanted
    assert allow(lab, "torch").startswith("0 torch>=2 was already in ")
    assert allow(lab, "sklearn").startswith("0 scikit-learn is now in ")
    assert allow(lab, "msgspec").startswith("0 msgspec is now in ")
    whole = json.loads(allow(lab, "--json")[2:])
    assert [one["requirement"] for one in whole["allowed"]] == [
        "torch>=2",
        "scikit-learn",
        "msgspec",
    ]
    assert whole["allowed"][2]["installed"]
    assert whole["wishes"] == []
    assert "no Worker waits for a package" in allow(lab)
    assert not [path for path in lab.iterdir() if path.name.endswith(".part")]


def test_what_cannot_be_allowed_changes_nothing(make_lab: MakeLab) -> None:
    lab = make_lab(imports=["numpy"])
    before = (lab / "lab.json").read_bytes()
    for words, why in (
        (("x", "--requirement", "x @ file:///x"), "2 leanlab: --requirement: 'x @ file:///x' has"),
        (("scikit-learn",), "2 leanlab: MODULE: 'scikit-learn' is no name"),
        (("numpy",), "'imports' names numpy already."),
        (("--requirement", "x"), "name its module too"),
    ):
        assert why in allow(lab, *words)
    assert (lab / "lab.json").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "path", "wanted"),
    [
        ("{}", ["a"], '{"a": 1}'),
        (' { }\n', ["a", "b"], ' {"a": {"b": 1} }\n'),
        ('{"a":2}', ["a"], '{"a":1}'),
        ('{"x":2}', ["a"], '{"x":2, "a": 1}'),
        ('{\n\t"x": [{}, "}"],\n\t"a": {"c": 0}\n}', ["a", "b"],
         '{\n\t"x": [{}, "}"],\n\t"a": {"c": 0, "b": 1}\n}'),
        ('{"a": {"b": 0, "b": 2}, "ü": "\\""}', ["a", "b"], '{"a": {"b": 0, "b": 1}, "ü": "\\""}'),
    ],
)  # fmt: skip
def test_json_text_is_changed_in_one_place(text: str, path: list[str], wanted: str) -> None:
    assert put(text, path, 1) == wanted
