"""A lab: a folder of frozen rules, and a home for what runs leave behind."""

from __future__ import annotations

import ast
import difflib
import hashlib
import os
import shlex
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab import config as configuration
from leanlab.errors import ConfigError, LabError
from leanlab.files import write_whole
from leanlab.resources import SHIPPED_LABS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leanlab.config import LabConfig

EVALUATOR_PROTOCOL = 1
"""Part of every fingerprint; raised when the same files would score differently."""

VARIANT_FILE = "variant.json"


class Lab:
    """A lab under one set of parameters.

    folder holds the rules (task.md, lab.json, evaluation.py, validate.py). home holds what
    belongs to these parameters alone: ledger, notes, experiments, seal, runtime state. They are
    the same folder but for a variant, whose home is variants/<its parameters>/.
    """

    def __init__(
        self, folder: Path, home: Path, config: LabConfig, changed: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = folder
        self.home = home
        self.config = config
        self.changed = dict(changed or {})
        """A variant's parameters where they differ from lab.json's."""

    @property
    def is_variant(self) -> bool:
        return self.home != self.folder

    @property
    def named(self) -> str:
        """How a command line names it, from the present folder."""
        sets = (f"{key}={value}" for key, value in self.changed.items())
        words = [os.path.relpath(self.folder), *(word for each in sets for word in ("--set", each))]
        return shlex.join(words)

    @property
    def results(self) -> Path:
        return self.home / self.config.results_file

    @property
    def experiments(self) -> Path:
        return self.home / self.config.experiments_dir

    @property
    def sample(self) -> Path:
        return self.folder / self.config.experiments_dir / "sample.py"

    @property
    def state(self) -> Path:
        """Runtime state: kept, never needed to resume."""
        return self.home / ".leanlab"

    @property
    def seal_file(self) -> Path:
        return self.home / "lab.lock"

    @property
    def data(self) -> Path:
        """The data folder; a variant has its own where the lab can make it."""
        return (self.home if self.makes_data else self.folder) / "data"

    def note_file(self, role: str) -> Path:
        """The file that a Critic or Director rewrites."""
        return self.home / {"critic": "Critic_Feedback.md", "director": "Director_Notes.md"}[role]

    def file(self, entry: str) -> Path:
        """Where a path of lab.json (public, frozen) lies under these parameters."""
        head, _, rest = entry.partition("/")
        return self.data / rest if head == "data" else self.folder / entry

    @property
    def public(self) -> tuple[str, ...]:
        """Files that a role may see."""
        if self.config.public is not None:
            return self.config.public
        if self.is_native:
            return ("task.md", "validate.py")
        own = {"lab.json", "lab.lock", self.config.results_file, self.config.experiments_dir}
        frozen = {entry.rstrip("/") for entry in self.config.frozen}
        names = sorted(path.name for path in self.folder.iterdir() if path.is_file())
        return (*(name for name in names if name not in own | frozen), "task.md")

    @property
    def public_params(self) -> dict[str, Any]:
        return {key: self.config.params[key] for key in self.config.public_params}

    @cached_property
    def is_native(self) -> bool:
        """True when leanlab keeps experiment and labels apart: evaluation.py has evaluate()."""
        own_command = self.config.eval_cmd != configuration.EVAL_CMD
        return not own_command and "evaluate" in self._functions("evaluation.py")

    @cached_property
    def makes_data(self) -> bool:
        return "make_data" in self._functions("evaluation.py")

    @cached_property
    def validates_natively(self) -> bool:
        own_command = self.config.validate_cmd != configuration.VALIDATE_CMD
        return not own_command and "validate" in self._functions("validate.py")

    def _functions(self, name: str) -> set[str]:
        """Functions at module level, found by reading: the file is not run."""
        path = self.folder / name
        try:
            tree = ast.parse(path.read_bytes())
        except FileNotFoundError as error:
            raise LabError(f"{path} is missing. A lab needs it; docs/lab.md shows one.") from error
        except (SyntaxError, ValueError) as error:
            raise LabError(f"{path} is not valid Python: {error}. Mend it.") from error
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return {node.name for node in tree.body if isinstance(node, kinds)}

    def frozen_files(self) -> dict[str, Path]:
        """Every frozen file by its name in the seal; folders stand for all files below them."""
        found: dict[str, Path] = {}
        for entry in self.config.frozen:
            path = self.file(entry)
            if path.is_dir():
                below = (p for p in sorted(path.rglob("*")) if p.is_file())
                kept = (p for p in below if "__pycache__" not in p.parts)
                found |= {f"{entry.rstrip('/')}/{p.relative_to(path).as_posix()}": p for p in kept}
            elif path.is_file():
                found[entry] = path
            elif not entry.endswith("/"):
                raise LabError(
                    f"{path} is missing, and lab.json says that it is frozen. "
                    "Restore it, or take it out of 'frozen'."
                )
        return found

    def fingerprint(self, hashes: Mapping[str, str]) -> str:
        """Name what makes scores comparable: frozen files (by hash), params, limits, imports.

        And packages, whether they are installed or not, where there are any.
        """
        parts = {
            "protocol": EVALUATOR_PROTOCOL,
            "frozen": dict(sorted(hashes.items())),
            "params": self.config.params,
            "limits": msgspec.to_builtins(self.config.limits),
            "imports": sorted(self.config.imports),
        } | ({"packages": self.config.packages} if self.config.packages else {})
        return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]

    def variants(self) -> list[Lab]:
        """Every variant that has a home, by name."""
        homes = sorted((self.folder / "variants").glob(f"*/{VARIANT_FILE}"))
        return [_variant_at(self, path.parent) for path in homes]


def open_lab(where: str | Path, sets: Mapping[str, str] | None = None) -> Lab:
    """Open the lab at a path or by a name under labs/ or .leanlab/, under other parameters if set.

    Nothing is written: a variant's home may not exist yet.
    """
    folder = find_lab(where)
    lab = Lab(folder, folder, configuration.load(folder / "lab.json"))
    if (folder / "task.md").is_file():
        return _variant(lab, sets) if sets else lab
    raise LabError(f"{folder} has no task.md. Say there what is wanted; docs/lab.md shows one.")


def find_lab(where: str | Path) -> Path:
    """Return the folder of a lab, or raise a LabError that names near ones."""
    text = str(where)
    for folder in (Path(text), Path("labs") / text, Path(".leanlab") / text):
        if (folder / "lab.json").is_file():
            return folder.resolve()
    if Path(text).is_dir():
        raise LabError(
            f"{text} has no lab.json, so it is no lab. docs/lab.md shows the shortest one."
        )
    known = sorted({path.parent.name for path in Path("labs").glob("*/lab.json")})
    near = difflib.get_close_matches(Path(text).name, known, n=1)
    if near:
        raise LabError(f"there is no lab at {text}. Did you mean labs/{near[0]}?")
    here = f"Labs here: {', '.join('labs/' + name for name in known)}." if known else ""
    raise LabError(f"there is no lab at {text}. {here or _shipped_hint()}")


def _shipped_hint() -> str:
    names = sorted(path.parent.name for path in SHIPPED_LABS.glob("*/lab.json"))
    return f"Copy a shipped one: cp -r {SHIPPED_LABS}/{names[0]} ." if names else "Make one."


def _variant(lab: Lab, sets: Mapping[str, str]) -> Lab:
    changed = {key: _param(lab, key, text) for key, text in sets.items()}
    changed = {key: value for key, value in changed.items() if lab.config.params[key] != value}
    if not changed:
        return lab
    name = ",".join(f"{key}={changed[key]}" for key in sorted(changed))
    if any(sign in name for sign in "/\\\0\n") or len(name) > 200:
        name = hashlib.sha256(name.encode()).hexdigest()[:16]
    return _under(lab, lab.folder / "variants" / name, changed)


def _variant_at(lab: Lab, home: Path) -> Lab:
    path = home / VARIANT_FILE
    try:
        changed = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise LabError(f"{path} cannot be read: {error}. Move {home.name} away.") from error
    return _under(lab, home, changed)


def _under(lab: Lab, home: Path, changed: dict[str, Any]) -> Lab:
    params = lab.config.params | changed
    config = msgspec.structs.replace(lab.config, params=params)
    return Lab(lab.folder, home, config, changed)


def _param(lab: Lab, key: str, text: str) -> Any:
    """Read a --set value as the type that lab.json gives the parameter."""
    params = lab.config.params
    if key not in params:
        near = difflib.get_close_matches(key, params, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(params) or 'none'}."
        raise ConfigError(f"--set {key}={text}: {lab.folder.name} has no such parameter. {hint}")
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ConfigError(f"--set {key}={text!r}: that is no text in UTF-8. Write it in UTF-8.")
    wanted = type(params[key])
    if wanted is str or params[key] is None:
        return text
    try:
        if wanted in (list, dict):
            return msgspec.json.decode(text, type=wanted)
        return msgspec.convert(text, wanted, strict=False)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"--set {key}={text}: {key} takes {wanted.__name__}, as {params[key]!r} in lab.json."
        ) from error


def make_home(lab: Lab) -> None:
    """Create what a run needs on disk: home, experiments, state; note a variant's parameters."""
    for folder in (lab.home, lab.experiments, lab.state):
        folder.mkdir(parents=True, exist_ok=True)
    marker = lab.home / VARIANT_FILE
    if lab.is_variant and not marker.exists():
        write_whole(marker, msgspec.json.encode(lab.changed) + b"\n")
