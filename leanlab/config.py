"""lab.json, decoded strictly."""

from __future__ import annotations

import difflib
import math
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from leanlab.errors import ConfigError
from leanlab.packages import check_module, check_requirement

if TYPE_CHECKING:
    from pathlib import Path

EVAL_CMD = "python evaluation.py {file}"
VALIDATE_CMD = "python validate.py {file}"

_MOST = 1_000_000
"""Of limits and memory: no machine takes a number without end, and 11 days are long enough."""

Direction = Literal["maximize", "minimize"]


class Objective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as better."""

    metric: str
    direction: Direction = "maximize"
    target: float | None = None
    """A trial that reaches it ends the run."""

    def better(self, a: float, b: float) -> bool:
        """Tell whether a beats b; a tie does not."""
        return a > b if self.direction == "maximize" else a < b

    def reached(self, value: float) -> bool:
        """Tell whether value is at the target or beyond; False without a target."""
        if self.target is None:
            return False
        return value >= self.target if self.direction == "maximize" else value <= self.target


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one evaluation of one candidate may use."""

    seconds: float = 60.0
    """Wall clock."""
    cpu_seconds: float = 60.0
    memory_mb: int = 1024
    """Address space beyond that of the bare interpreter with the lab's imports."""
    output_kb: int = 64
    """What a candidate may print, and the size of each of its replies."""


class Memory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the ledger a role is told."""

    top: int = 5
    failures: int = 5


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run may use; None means no bound."""

    trials: int = 5
    usd: float | None = None
    tokens: int | None = None
    seconds: float | None = None
    trial_usd: float | None = None
    """Of one trial with all that is sent back, and of each turn of Critic and Director."""
    trial_tokens: int | None = None


Level = Literal["low", "medium", "high"]


class RoleChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What answers for a role, where it differs from the run's, and how; None is the default of
    the backend or its provider.
    """

    backend: str | None = None
    model: str | None = None
    effort: Level | None = None
    """How much the model is to think."""
    verbosity: Level | None = None
    max_output_tokens: int | None = None
    """Of one answer of the model."""
    max_turns: int = 50
    """How often a model is asked within one turn of a role, tools called in between."""
    timeout: float = 600.0
    """Seconds to wait for one answer of the model, or for a command's whole turn."""
    base_url: str | None = None
    """Of a server that is compatible with OpenAI's, or of a gateway to Claude."""
    api: Literal["responses", "chat"] | None = None
    """None is responses, and chat where there is a base_url: every compatible server has that."""
    key: str | None = None
    """The name of the environment variable that holds the key; None is the provider's own, and no
    key at all for a base_url."""
    prices: str | None = None
    """Whose price list holds, where the base_url is a gateway: a provider of genai-prices."""
    code_interpreter: bool = False
    """The provider's own, on its machines; for "propose": "code"."""
    command: tuple[str, ...] = ()
    """Of the command backend: program and arguments."""
    environment: tuple[str, ...] = ()
    """Variables that the command is handed, by name."""
    readable: tuple[str, ...] = ()
    """Paths that the command may read, beyond system and workspace."""
    writable: tuple[str, ...] = ()
    """Paths that the command may write, beyond the workspace."""


class LabConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """lab.json; name and objective are required."""

    name: str
    objective: Objective
    description: str = ""
    eval_cmd: str = EVAL_CMD
    validate_cmd: str = VALIDATE_CMD
    prepare_cmd: str | None = None
    """Run once before all else, with the network, when the user agrees."""
    experiments_dir: str = "experiments"
    results_file: str = "results.jsonl"
    critic_every: int = 5
    director_every: int = 5
    max_fix_calls: int = 3
    public: tuple[str, ...] | None = None
    """Files that a role may see. None means task.md and validate.py, and for an open lab every
    file at its top that is not frozen."""
    reveal: tuple[str, ...] | None = None
    """Metrics that a role may see; None means the objective's alone."""
    frozen: tuple[str, ...] = ("evaluation.py", "validate.py", "task.md", "data/")
    params: dict[str, Any] = {}
    public_params: tuple[str, ...] = ()
    limits: Limits = Limits()
    repeats: int = 1
    imports: tuple[str, ...] = ()
    """Modules beyond the standard library that a candidate may use."""
    packages: dict[str, str] = {}
    """Further ones, installed when a Worker asks: by module the requirement that pip is given."""
    policy: str = "greedy"
    propose: Literal["file", "code"] = "file"
    """Whether a Worker writes a file with tools, or answers with code that leanlab writes."""
    web: bool = False
    """Whether a model may search the web, where its provider offers that."""
    researcher: str | None = None
    """module:Class of the offline researcher; None means the general one."""
    tools: tuple[str, ...] = ()
    """Tools of that researcher's that a Worker's model may use, by name."""
    roles: dict[Literal["worker", "critic", "director"], RoleChoice] = {}
    budget: Budget = Budget()
    memory: Memory = Memory()

    @property
    def revealed(self) -> tuple[str, ...]:
        """The metrics that a role may see, the objective's first."""
        names = (self.objective.metric, *(self.reveal or ()))
        return tuple(dict.fromkeys(names))


_decoder = msgspec.json.Decoder(LabConfig, strict=True)


def load(path: Path) -> LabConfig:
    """Decode lab.json; a ConfigError names the file, the key and the nearest valid key."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    return parse(raw, str(path))


def parse(raw: bytes, where: str) -> LabConfig:
    """Decode and check lab.json's bytes; where names them in errors."""
    try:
        config = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(_explain(error, where)) from error
    _check(config, where)
    return config


def _explain(error: Exception, where: str) -> str:
    message = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return f"{where} is not valid JSON: {message}. Mend it there."
    unknown = re.search(r"unknown field `([^`]*)`", message)
    place = re.search(r" - at `\$\.?([^`]*)`", message)
    at = f" under {place.group(1)!r}" if place and place.group(1) else ""
    if unknown:
        key = unknown.group(1)
        near = difflib.get_close_matches(key, _keys_at(place.group(1) if place else ""), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Remove it; docs/lab.md lists the keys."
        return f"{where}: unknown key {key!r}{at}. {hint}"
    reason = message.split(" - at ")[0].replace("Object missing required field", "there is no")
    return f"{where}: {reason}{at}. docs/lab.md says what each key takes."


def _keys_at(place: str) -> list[str]:
    structs: dict[str, type[msgspec.Struct]] = {
        "objective": Objective,
        "limits": Limits,
        "memory": Memory,
        "budget": Budget,
        "roles": RoleChoice,
    }
    struct = structs.get(re.split(r"[.\[]", place)[0], LabConfig)
    return [field.encode_name for field in msgspec.structs.fields(struct)]


def _check(config: LabConfig, where: str) -> None:
    at_least: tuple[tuple[str, float, float], ...] = (
        ("critic_every", config.critic_every, 0),
        ("director_every", config.director_every, 0),
        ("max_fix_calls", config.max_fix_calls, 0),
        ("repeats", config.repeats, 1),
        ("memory.top", config.memory.top, 1),
        ("memory.failures", config.memory.failures, 0),
        ("budget.trials", config.budget.trials, 0),
        *((f"roles.{role}.max_turns", each.max_turns, 1) for role, each in config.roles.items()),
        *((f"roles.{role}.timeout", each.timeout, 0.1) for role, each in config.roles.items()),
        ("limits.seconds", config.limits.seconds, 0.1),
        ("limits.cpu_seconds", config.limits.cpu_seconds, 0.1),
        ("limits.memory_mb", config.limits.memory_mb, 16),
        ("limits.output_kb", config.limits.output_kb, 1),
    )
    for key, value, least in at_least:
        if not value >= least or math.isinf(value):
            raise ConfigError(f"{where}: {key!r} is {value}; it must be at least {least:g}.")
    for key, value, _ in at_least:
        if key.startswith(("limits.", "memory.")) and value > _MOST:
            raise ConfigError(f"{where}: {key!r} is {value}; it must be at most {_MOST:,}.")
    if not config.name.strip() or not config.objective.metric.strip():
        raise ConfigError(f"{where}: 'name' and 'objective.metric' must not be empty.")
    for key in ("experiments_dir", "results_file"):
        _check_inside(getattr(config, key), key, where)
    for key in ("public", "frozen"):
        for entry in getattr(config, key) or ():
            _check_inside(entry, key, where)
    for key in config.public_params:
        if key not in config.params:
            near = difflib.get_close_matches(key, config.params, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{where}: public_params names {key!r}, which is no param.{hint}")
    for module, requirement in config.packages.items():
        check_module(module, f"{where}: 'packages'")
        check_requirement(requirement, f"{where}: 'packages.{module}'")


def _check_inside(entry: str, key: str, where: str) -> None:
    path = PurePosixPath(entry)
    if (
        not entry
        or "\0" in entry
        or path.is_absolute()
        or ".." in path.parts
        or path == PurePosixPath(".")
    ):
        raise ConfigError(f"{where}: {key!r} names {entry!r}; name a path inside the lab.")
