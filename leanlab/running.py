"""What the command line and Python callers do with a lab: run it, try in it, score it again."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Collection, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from leanlab import events, policy
from leanlab.backends import recording
from leanlab.bench import Bench, open_bench
from leanlab.casting import cast, researcher_of
from leanlab.errors import LabError
from leanlab.evaluator import Rejected, Taken, take
from leanlab.evaluator.intake import unrecorded
from leanlab.lab import Lab, open_lab
from leanlab.loop import End, Loop
from leanlab.prompts import Prompts
from leanlab.records import Evaluation, Trial
from leanlab.roles import Roles
from leanlab.spending import Spending
from leanlab.tools import Toolbox
from leanlab.wishes import allowed_by

if TYPE_CHECKING:
    from leanlab.backends import Backend
    from leanlab.config import Budget, Level
    from leanlab.events import Role, Sink

T = TypeVar("T")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may be told beyond lab.json; None means what lab.json says."""

    trials: int | None = None
    backend: str = "auto"
    model: str | None = None
    effort: Level | None = None
    policy: str | None = None
    seed: int = 0
    max_usd: float | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None
    require_tier: str | None = None
    allow_unsandboxed: bool = False
    allow_unfenced: bool = False
    record: Path | None = None
    """Write every request and its answer down."""
    replay: Path | None = None
    """Have such a file answer."""
    prepare: bool = False
    """Whether the user agrees to the lab's prepare_cmd."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to."""

    run: str
    end: End
    trials: tuple[int, ...]
    """Numbers of the trials that it recorded."""
    best: Trial | None
    """Of all trials under the present fingerprint."""


def run(
    lab: str | Path | Lab,
    *,
    trials: int | None = None,
    backend: str | Backend = "auto",
    sets: Mapping[str, str] | None = None,
    on_event: Sink | None = None,
    **options: Any,
) -> Summary:
    """Run a lab's loop and return what it came to; `leanlab run` in Python.

    backend is a name, or a Backend such as ScriptedBackend. sets are parameters of a variant.
    Further options are those of Options. Raises a LeanlabError on an expected fault, and
    KeyboardInterrupt on Ctrl-C once the trial on its way is recorded as abandoned.
    """
    opened = lab if isinstance(lab, Lab) else open_lab(lab, sets)
    name, given = (backend, None) if isinstance(backend, str) else ("auto", backend)
    chosen = Options(trials=trials, backend=name, **options)
    emit = events.to_all(*([on_event] if on_event else []))
    return to_the_end(run_lab(opened, chosen, emit, given))


def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work; Ctrl-C and SIGTERM raise KeyboardInterrupt once it has cleaned up."""

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def run_lab(lab: Lab, options: Options, emit: Sink, given: Backend | None = None) -> Summary:
    """Open the bench, choose policy and backends, run the loop."""
    config = lab.config
    chosen = policy.make(options.policy or config.policy, config)
    answering, words = cast(lab, options, given)
    researcher = researcher_of(lab, chosen, answering)
    if researcher is not None:
        words = f"offline, then {words}"
    trials = config.budget.trials if options.trials is None else options.trials
    writers = recording.listeners(answering.values())
    emit = events.to_all(events.to_file(lab.state / "events.jsonl"), *writers, emit)
    later = recording.installed_in(answering.values())
    try:
        async with (
            _bench(lab, options, emit, later) as bench,
            _toolbox(lab, options, bench, answering, emit) as toolbox,
        ):
            spending = Spending(lab, bench.history, budget_of(lab, options))
            roles = Roles(
                lab,
                answering,
                bench.workspace,
                Prompts(lab),
                spending,
                seed=options.seed,
                emit=emit,
                researcher=researcher,
                toolkit=toolbox.of,
            )
            emit(
                events.RunStarted(
                    run=bench.run,
                    lab=str(lab.home),
                    named=lab.named,
                    metric=config.objective.metric,
                    revealed=config.revealed,
                    trials=trials,
                    earlier_trials=bench.history.trials,
                    best=bench.history.best,
                    backend=words,
                    policy=chosen.name,
                    confinement=bench.evaluator.summary,
                )
            )
            if options.replay is not None and (text := _not_here(lab)):
                emit(events.Notice(text=text))
            loop = Loop(bench, chosen, roles, spending, emit)
            end = await loop.run(trials)
            best = bench.history.best
            bench.reveal(best, "run")
            emit(
                events.RunEnded(
                    end=end.text,
                    new_records=len(loop.recorded),
                    best=best,
                    target_reached=best is not None
                    and config.objective.reached(bench.history.value(best)),
                )
            )
            return Summary(run=bench.run, end=end, trials=tuple(loop.recorded), best=best)
    finally:
        made = [*answering.values(), *([researcher] if researcher else [])]
        for backend in {id(each): each for each in made}.values():
            await backend.close()


def _bench(lab: Lab, options: Options, emit: Sink, later: Collection[str] = ()) -> Any:
    return open_bench(
        lab,
        required_tier=options.require_tier,
        allow_unsandboxed=options.allow_unsandboxed,
        emit=emit,
        agreed_to_prepare=options.prepare,
        later=later,
    )


def _toolbox(
    lab: Lab, options: Options, bench: Bench, answering: Mapping[Role, Backend], emit: Sink
) -> Toolbox:
    # A researcher lends nothing to itself.
    alone = all(backend.name == "offline" for backend in answering.values())
    return Toolbox(
        lab,
        bench.workspace.path,
        bench.evaluator,
        emit,
        lent=() if alone else lab.config.tools,
        may_install=options.replay is None,
        allow_unsandboxed=options.allow_unsandboxed,
    )


def _not_here(lab: Lab) -> str:
    """What to say of missing packages before a replay: it fails if the recorded run had them."""
    missing = [one.requirement for one in allowed_by(lab.config) if one.installed is None]
    if not missing:
        return ""
    return f"not installed: {', '.join(missing)}; a replayed run installs nothing"


def budget_of(lab: Lab, options: Options) -> Budget:
    """lab.json's budget, with what the options say instead."""
    changes = {
        "usd": options.max_usd,
        "tokens": options.max_tokens,
        "seconds": options.max_seconds,
    }
    said = {key: value for key, value in changes.items() if value is not None}
    return msgspec.structs.replace(lab.config.budget, **said)


async def try_experiment(
    lab: Lab, file: Path, options: Options, emit: Sink, notes: str = ""
) -> Trial:
    """Score a person's own experiment and record it as a trial."""
    if not file.is_file():
        raise LabError(f"there is no file {file}.")
    async with _bench(lab, options, emit) as bench:
        number = bench.history.last_number + 1
        if waiting := unrecorded(lab, bench.history.last_number):
            raise LabError(
                f"{waiting[0]} waits since a run was cut off. Have it evaluated first: "
                f"leanlab run {lab.named} -n 0"
            )
        named = f"experiments/{file.name}"
        bench.workspace.lay({named: file.read_bytes()}, history=False)
        try:
            taken = take(named, bench.workspace.path, lab, number)
        except Rejected as reason:
            raise LabError(f"{file}: {reason}") from reason
        outcome = await bench.evaluator.score(taken.path)
        fields = bench.scored_fields(number, taken, outcome)
        record = bench.append(Trial(**fields, notes=notes, backend="person", move="try"))
        assert isinstance(record, Trial)
        bench.reveal(record, "try")
        return record


async def rescore(lab: Lab, options: Options, emit: Sink) -> list[Evaluation]:
    """Evaluate, under the present fingerprint, what was scored under another and not yet again."""
    async with _bench(lab, options, emit) as bench:
        added = []
        for record in _scored_elsewhere(bench):
            path = lab.home / (record.experiment_file or "")
            if record.experiment_file is None or not path.is_file():
                emit(events.Notice(text=f"trial {record.trial}: its file is gone; left out"))
                continue
            outcome = await bench.evaluator.score(path)
            taken = Taken(path=path, sha256=record.experiment_sha256 or "")
            fields = bench.scored_fields(record.trial, taken, outcome)
            evaluation = bench.append(Evaluation(**fields, stage="rescore"))
            assert isinstance(evaluation, Evaluation)
            added.append(evaluation)
        return added


def _scored_elsewhere(bench: Bench) -> list[Trial]:
    found: dict[int, Trial] = {}
    for record in bench.ledger.read():
        if isinstance(record, Trial) and record.status == "scored":
            found[record.trial] = record
        if isinstance(record, Trial | Evaluation) and bench.history.counts(record):
            found.pop(record.trial, None)
    return list(found.values())
