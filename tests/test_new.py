"""New labs, made and run as a user would: from skeletons, from labs, and from a model's draft."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.cli import app
from leanlab.evaluator import Evaluator
from leanlab.lab import open_lab
from leanlab.overview import overview
from leanlab.resources import SHIPPED_LABS, TEMPLATES
from leanlab.scaffold import sources
from leanlab.scaffold.drafting import Draft, Draftsman

from .conftest import WEAK, MakeLab
from .fake_anthropic import FakeAnthropic
from .fake_openai import FakeOpenAI, Says
from .test_claude_turns import answers

GOLDEN = Path(__file__).parent / "golden"
OPEN_EVALUATION = """
import importlib.util, json, sys

spec = importlib.util.spec_from_file_location("experiment", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(json.dumps({"accuracy": module.f("a")}))
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def leanlab(*arguments: object, says: str = "") -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=says)


def sample_score(lab: Path) -> float:
    opened = open_lab(lab)

    async def score() -> float:
        async with Evaluator(opened) as evaluator:
            outcome = await evaluator.score(opened.sample)
        return outcome.verdict.metrics[opened.config.objective.metric]

    return asyncio.run(score())


@pytest.mark.parametrize("skeleton", sorted(sources.skeletons()))
def test_a_new_lab_passes_check_is_sealed_and_improves_offline(skeleton: str) -> None:
    made = leanlab("new", "x", "--skeleton", skeleton)
    assert made.exit_code == 0, made.output
    assert open_lab("x").config.name == "x"
    checked = leanlab("check", "x", "--json")
    assert checked.exit_code == 0, checked.output
    marks = {finding["what"]: finding["mark"] for finding in json.loads(checked.output)}
    assert (marks["seal"], marks["kind"], marks["sample"]) == ("✓", "✓", "✓")
    assert set(marks.values()) - {"⚠"} == {"✓"}
    # The first steps of this one's researcher are enough, and its evaluations the longest.
    done = leanlab("run", "x", "-n", 2 if skeleton == "trajectory" else 6)
    assert done.exit_code == 0, done.output
    best = overview(open_lab("x")).best
    objective = open_lab("x").config.objective
    assert best is not None
    assert objective.better(best.metrics[objective.metric], sample_score(Path("x")))


def test_the_skeletons_are_there_and_their_texts_are_those_of_the_shipped_lab() -> None:
    assert {"blank", "ml", "optimise", "synthesis", "trajectory"} <= set(sources.skeletons())
    for skeleton, lab in (("synthesis", "parity"), ("trajectory", "trajectory")):
        for name in ("evaluation.py", "validate.py", "task.md", "experiments/sample.py"):
            ours, theirs = TEMPLATES / "labs" / skeleton / name, SHIPPED_LABS / lab / name
            assert ours.read_bytes() == theirs.read_bytes()


def test_a_list_is_set_as_json() -> None:
    small = ("lengths=[2,3]", "train=4", "val=3", "test=3", "seconds=0.1")
    sets = [w for s in small for w in ("--set", s)]
    made = leanlab("new", "x", "--skeleton", "trajectory", *sets)
    assert made.exit_code == 0, made.output
    assert open_lab("x").config.params["lengths"] == [2, 3]
    refused = leanlab("new", "y", "--skeleton", "trajectory", "--set", "lengths=2,3")
    assert refused.exit_code == 2
    assert "lengths takes list" in refused.output


def test_a_package_brings_a_skeleton(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        """Stands for the entry point of an installed distribution."""

        name = "brought"

        def load(self) -> Path:
            return make_lab("theirs")

    monkeypatch.setattr(sources, "entry_points", lambda group: [Point()])
    sources.skeletons.cache_clear()
    try:
        assert leanlab("new", "mine", "--skeleton", "brought").exit_code == 0
    finally:
        sources.skeletons.cache_clear()
    assert open_lab("mine").config.name == "mine"


def test_parameters_are_set_before_the_data_are_made() -> None:
    words = "".join(f"{word}{word[::-1]},{int(i % 2)}\n" for i, word in enumerate(numbered(60)))
    Path("mine.csv").write_text(words)
    sets = ("data=mine.csv", "train=20", "val=20")
    made = leanlab("new", "x", "--skeleton", "synthesis", *(w for s in sets for w in ("--set", s)))
    assert made.exit_code == 0, made.output
    assert open_lab("x").config.params["data"] == "mine.csv"
    assert len(Path("x/data/train.txt").read_text().splitlines()) == 20
    assert leanlab("check", "x").exit_code == 0


def numbered(count: int) -> list[str]:
    return [f"{i:06b}" for i in range(count)]


def test_circles_that_overlap_by_a_hair_have_no_score() -> None:
    leanlab("new", "x", "--skeleton", "optimise", "--set", "circles=2")
    grid = "def pack(n):\n    return [[0.1, 0.1, 0.1], [{}, 0.1, 0.1]]\n"
    Path("hair.py").write_text(grid.format("0.3"))
    touching = "def pack(n):\n    return [[0.25, 0.25, 0.25], [0.75, 0.25, 0.25]]\n"
    Path("touching.py").write_text(touching)
    refused = json.loads(leanlab("try", "x", "hair.py", "--json").output)
    assert refused["status"] == "crashed"
    assert "Circles 0 and 1 overlap" in refused["error"]["text"]
    taken = json.loads(leanlab("try", "x", "touching.py", "--json").output)
    assert taken["metrics"]["sum_of_radii"] == 0.5


def test_a_copy_has_no_memory(make_lab: MakeLab) -> None:
    lab = make_lab(params={"scale": 1})
    (lab / "helper.txt").write_text("kept")
    leanlab("run", lab, "-n", 2)
    leanlab("run", lab, "-n", 1, "--set", "scale=2")
    assert (lab / "variants").exists()
    made = leanlab("new", "copy", "--from", lab, "--set", "scale=3")
    assert made.exit_code == 0, made.output
    kept = {p.relative_to("copy").as_posix() for p in Path("copy").rglob("*") if p.is_file()}
    assert {name for name in kept if not name.startswith(".leanlab")} == {
        "lab.json", "task.md", "evaluation.py", "validate.py", "experiments/sample.py",
        "helper.txt", "lab.lock",
    }  # fmt: skip
    config = open_lab("copy").config
    assert (config.name, config.params) == ("copy", {"scale": 3})
    assert leanlab("check", "copy").exit_code == 0
    assert "1 new record" in leanlab("run", "copy", "-n", 1).output


def test_a_lab_of_leanlab_0_2_is_taken_as_it_is(make_lab: MakeLab) -> None:
    lab = make_lab("old", evaluation=OPEN_EVALUATION, validate="print('VALID')\n")
    (lab / "results.jsonl").write_text('{"trial": 1, "accuracy": 0.5}\n')
    before = {name: (lab / name).read_bytes() for name in ("evaluation.py", "task.md")}
    assert leanlab("new", "copy", "--from", lab).exit_code == 0
    assert {name: Path("copy", name).read_bytes() for name in before} == before
    assert not Path("copy/results.jsonl").exists()
    assert not open_lab("copy").is_native
    assert leanlab("check", "copy").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["taken"], "taken exists already"),
        ([".hidden"], "is no name for a lab"),
        (["a b"], "is no name for a lab"),
        (["x", "--skeleton", "optimize"], "Did you mean 'optimise'?"),
        (["x", "--skeleton", "zzz"], "There are: blank, ml, optimise, synthesis, trajectory"),
        (["x", "--from", "nowhere"], "there is no lab at nowhere"),
        (["x", "--from", "y", "--skeleton", "ml"], "Choose one"),
        (["x", "--describe", "irises"], "--describe needs a model"),
        (["x", "--set", "low=0", "--set", "hihg=2"], "no such parameter"),
        (["x", "--skeleton", "synthesis", "--set", "data=none.csv"], "none.csv"),
    ],
)
def test_an_expected_error_is_one_line_and_nothing_is_left(arguments: list[str], says: str) -> None:
    Path("taken").mkdir()
    done = leanlab("new", *arguments)
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["taken"]


def test_an_import_that_is_missing_is_named(make_lab: MakeLab) -> None:
    done = leanlab("new", "x", "--from", make_lab(imports=["nowhere_to_be_found"]))
    assert done.exit_code == 2
    assert "pip install nowhere_to_be_found" in done.stderr
    assert not Path("x").exists()


def drafted(make_lab: MakeLab, **changes: str) -> dict[str, str]:
    """The answer of a model that drafts the small lab of these tests."""
    lab = make_lab("drafted")
    files = {
        name.replace(".", "_"): (lab / name).read_text()
        for name in ("lab.json", "task.md", "evaluation.py", "validate.py")
    }
    return files | {"sample_py": WEAK, "remarks": "Lengths up to three."} | changes


def script(*answers: object) -> str:
    steps = [{"role": "director", "data": answer} for answer in answers]
    Path("steps.json").write_text(json.dumps(steps))
    return "scripted:steps.json"


def test_a_draft_is_shown_changed_as_wished_and_written_when_approved(make_lab: MakeLab) -> None:
    first = drafted(make_lab, task_md="Return a length.\n")
    second = first | {"task_md": "Return the length of a string.\n"}
    command = ("new", "mine", "--describe", "lengths", "--backend", script(first, second))
    done = leanlab(*command, says="Say whose length\nyes\n")
    assert done.exit_code == 0, done.output
    assert done.output.index("Return a length.") < done.output.index("Return the length of")
    assert "Lengths up to three." in done.output
    assert "✓ sample: accuracy" in done.output
    assert Path("mine/lab.json").read_text() in done.output
    assert Path("mine/task.md").read_text() == second["task_md"]
    assert open_lab("mine").seal_file.is_file()
    assert open_lab("mine").config.name == "mine"


@pytest.mark.parametrize("backend", ["openai", "claude"])
def test_a_model_drafts_over_the_network(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """Each through its own client; the change is asked for in the same conversation."""
    first = drafted(make_lab, task_md="Return a length.\n")
    second = first | {"task_md": "Return the length of a string.\n"}
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-mine")
    command = ("new", "mine", "--describe", "lengths", "--backend", backend)
    if backend == "openai":
        with FakeOpenAI(*(Says(text=json.dumps(each)) for each in (first, second))) as fake:
            monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
            done = leanlab(*command, "--model", "gpt-5-mini", says="Say whose length\nyes\n")
        said = " ".join(map(str, fake.asked[-1].said))
    else:
        with FakeAnthropic(answers(**first), answers(**second)) as fake:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", fake.url)
            done = leanlab(*command, says="Say whose length\nyes\n")
        said = json.dumps(fake.asked[-1].body)
    assert done.exit_code == 0, done.output
    assert "Say whose length" in said
    assert "lengths" in said
    assert "✓ sample: accuracy" in done.output
    assert Path("mine/task.md").read_text() == second["task_md"]


@pytest.mark.parametrize("says", ["no\n", ""])
def test_nothing_is_written_without_a_yes(make_lab: MakeLab, says: str) -> None:
    backend = script(drafted(make_lab))
    done = leanlab("new", "mine", "--describe", "lengths", "--backend", backend, says=says)
    assert done.exit_code == 2
    assert "not approved" in done.stderr
    assert not Path("mine").exists()


def test_an_approved_draft_is_kept_and_its_fault_is_told(make_lab: MakeLab) -> None:
    bad = drafted(make_lab)
    bad["evaluation_py"] = "import nowhere_to_be_found\n" + bad["evaluation_py"]
    done = leanlab("new", "mine", "--describe", "x", "--backend", script(bad), says="yes\n")
    assert done.exit_code == 1
    assert "✗ sample: " in done.output
    assert Path("mine/evaluation.py").read_text().strip() == bad["evaluation_py"].strip()


def test_a_draft_that_makes_no_lab_goes_back_unseen(make_lab: MakeLab, tmp_path: Path) -> None:
    good = drafted(make_lab)
    answers = [good | {"evaluation_py": "x = 1\n"}, {"lab_json": "{}"}, good]
    backend = ScriptedBackend([Step(role="director", data=answer) for answer in answers])
    sources.from_skeleton("blank", "example")(tmp_path / "example")
    draftsman = Draftsman(backend, tmp_path / "example", "drafted")
    draft = asyncio.run(draftsman.begin("lengths"))
    assert draft == Draft(**good)
    first, second, third = backend.requests
    assert first.prompt == (GOLDEN / "draft.md").read_text()
    assert second.prompt == (GOLDEN / "redraft.md").read_text()
    assert "the answer has the wrong form" in third.prompt
    assert first.session == ""
    assert second.session == third.session != ""


def test_a_model_that_drafts_no_lab_is_given_up(make_lab: MakeLab) -> None:
    bad = drafted(make_lab, lab_json='{"name": "x"}')
    done = leanlab("new", "mine", "--describe", "lengths", "--backend", script(bad))
    assert done.exit_code == 2
    assert "drafted no lab in 3 tries" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
