"""One trial, then many. Six hops: history, memory, policy, roles, evaluator, ledger."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from leanlab import control, events, pending
from leanlab.evaluator import Outcome, Rejected, take
from leanlab.evaluator.intake import adopt, sweep, unnamed, unrecorded
from leanlab.files import write_whole
from leanlab.memory import recall
from leanlab.pending import Pending
from leanlab.records import RoleTurn, Seconds, Trial, Verdict
from leanlab.roles import WorkerReply
from leanlab.tools.checking import check

if TYPE_CHECKING:
    from leanlab.backends import Failure
    from leanlab.bench import Bench
    from leanlab.evaluator import Taken
    from leanlab.events import Sink
    from leanlab.memory import Memory
    from leanlab.policy import Advisor, Move, Policy
    from leanlab.roles import Roles, Turn
    from leanlab.spending import Spending

_CUT_OFF = ("budget", "max_turns", "context")
"""Faults that end a Worker in the middle of its work, which may be done all the same."""
_LOOK = 0.2
"""Seconds between looks whether a paused run may go on."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is over."""

    kind: Literal["done", "target", "budget", "stopped"]
    text: str


class Abstained(Exception):
    """Nothing was proposed, for the reason that the message gives; no trial was used up."""


class Loop:
    """Runs trials. The only writer of the ledger; everything it needs is handed to it."""

    def __init__(
        self, bench: Bench, policy: Policy, roles: Roles, spending: Spending, emit: Sink
    ) -> None:
        self._bench = bench
        self._lab = bench.lab
        self._history = bench.history
        self._policy = policy
        self._roles = roles
        self._spending = spending
        self._emit = emit
        self.recorded: list[int] = []
        """Numbers of the trials that this run recorded."""

    async def run(self, trials: int) -> End:
        """Finish what an earlier run left, then run so many trials or until a reason to stop."""
        control.forget(self._lab)
        sweep(self._lab)
        for path in unrecorded(self._lab, self._history.last_number):
            await self._resume(path)
        for left in range(trials, 0, -1):
            await self._hold()
            if end := self._over():
                return end
            if end := await self._trial(self._history.last_number + 1, left) or self._over():
                return end
            await self._advise()
        return self._over() or End(kind="done", text=f"{trials} trials done")

    def _over(self) -> End | None:
        if reason := self._policy.stop():
            return End(kind="target", text=reason)
        if (asked := control.stop_file(self._lab)).exists():
            asked.unlink()
            return End(kind="stopped", text="stopped by leanlab stop")
        if spent := self._spending.run_over():
            return End(kind="budget", text=spent)
        return None

    async def _hold(self) -> None:
        """Wait between trials while the run is paused; that time is not the budget's."""
        asked, stop = control.pause_file(self._lab), control.stop_file(self._lab)
        if not asked.exists():
            return
        self._emit(events.Notice(text=f"paused; to go on: leanlab resume {self._lab.named}"))
        since = time.monotonic()
        while asked.exists() and not stop.exists():
            await asyncio.sleep(_LOOK)
        self._spending.held(time.monotonic() - since)
        self._emit(events.Notice(text="going on"))

    async def _trial(self, number: int, left: int) -> End | None:
        """Run and record a trial; return the run's end where nobody has anything to propose."""
        self._spending.begin()
        self._bench.refresh()
        move = self._policy.ask(self._history)
        try:
            await self._run_trial(number, left, move)
        except Abstained as reason:
            self._policy.abstained()
            following = self._policy.ask(self._history)
            asked, next_asked = (self._roles.backend("worker", m) for m in (move, following))
            text = f"the researcher has nothing more to propose: {reason}"
            if next_asked is asked:
                return End(kind="done", text=text)
            self._emit(events.Notice(text=f"{text} From now on {next_asked.name} is asked."))
            return await self._trial(number, left)
        return None

    async def _run_trial(self, number: int, left: int, move: Move) -> None:
        memory = recall(self._lab, self._history, move)
        self._emit(events.TrialStarted(trial=number, left=left))
        draft = self._draft(number, move)
        try:
            draft, taken, outcome = await self._attempt(draft, move, memory)
        except asyncio.CancelledError:
            self._record(self._abandoned(draft))
            raise
        self._record(self._trial_record(draft, taken, outcome))

    def _draft(self, number: int, move: Move) -> Pending:
        backend = self._roles.backend("worker", move)
        return Pending(
            trial=number,
            backend=backend.name,
            model=backend.model,
            unfenced=backend.unfenced,
            policy=self._policy.name,
            move=move.kind,
            parents=move.parents,
        )

    async def _attempt(
        self, draft: Pending, move: Move, memory: Memory
    ) -> tuple[Pending, Taken | None, Outcome]:
        """Propose and evaluate; send failures back to the same session, a few times at most.

        Raises Abstained where there is nothing to propose.
        """
        turn = await self._roles.propose(draft.trial, move, memory)
        if turn.failure is not None and turn.failure.kind == "abstained":
            raise Abstained(turn.failure.message)
        turn = await self._rescued(turn, None)
        draft = _after(draft, turn)
        taken, outcome = await self._assess(draft, turn, None)
        message = outcome
        for left in range(self._lab.config.max_fix_calls - 1, -1, -1):
            if not _worth_sending_back(message) or turn.failure is not None or self._is_broke:
                break
            self._emit(
                events.SentBack(trial=draft.trial, status=message.status, message=message.message)
            )
            turn = await self._roles.fix(
                draft.trial, move, memory, outcome=message, left=left, session=turn.session
            )
            turn = await self._rescued(turn, taken)
            draft = msgspec.structs.replace(_after(draft, turn), fixes=draft.fixes + 1)
            taken_now, message = await self._assess(draft, turn, taken)
            # An experiment that was evaluated outlives a later file that broke a rule.
            if taken_now is not None or taken is None:
                taken, outcome = taken_now, message
        return draft, taken, outcome

    async def _rescued(self, turn: Turn[WorkerReply], earlier: Taken | None) -> Turn[WorkerReply]:
        """Have a turn that was cut off answer with the file it had written, if that is whole."""
        if turn.failure is None or turn.failure.kind not in _CUT_OFF:
            return turn
        found = unnamed(self._bench.workspace.path, earlier)
        if found is None:
            return turn
        name, content = found
        if await check(name, content, self._lab, self._bench.evaluator) is not None:
            return turn
        first_line = turn.failure.message.partition("\n")[0]
        why = f"The Worker was cut off: {first_line.rstrip('.')}."
        self._emit(events.Notice(text=f"{why} What it had written is evaluated."))
        reply = WorkerReply(experiment_file=f"experiments/{name}", notes=why)
        return msgspec.structs.replace(turn, reply=reply)

    async def _assess(
        self, draft: Pending, turn: Turn[WorkerReply], earlier: Taken | None
    ) -> tuple[Taken | None, Outcome]:
        if turn.reply is None:
            assert turn.failure is not None
            return None, _unproposed(turn.failure)
        pending.save(self._lab, draft)
        file, workspace = turn.reply.experiment_file, self._bench.workspace.path
        try:
            taken = take(file, workspace, self._lab, draft.trial, replaces=earlier)
        except Rejected as reason:
            return None, _rejected("file rule", str(reason))
        return taken, await self._evaluate(draft.trial, taken.path)

    async def _evaluate(self, number: int, path: Path) -> Outcome:
        self._emit(events.Evaluating(trial=number, file=path.name))
        return await self._bench.evaluator.score(path)

    async def _resume(self, path: Path) -> None:
        """Evaluate and record an experiment that was on disk when an earlier run was cut off."""
        taken, number = adopt(path)
        self._emit(events.TrialStarted(trial=number, left=0, resumed=True))
        draft = pending.load(self._lab, number) or Pending(trial=number)
        outcome = await self._evaluate(number, path)
        self._record(self._trial_record(draft, taken, outcome))

    @property
    def _is_broke(self) -> bool:
        return bool(self._spending.run_over() or self._spending.trial_over())

    async def _advise(self) -> None:
        for role in self._policy.due(self._history):
            if self._spending.run_over():
                return
            await self._advise_once(role)

    async def _advise_once(self, role: Advisor) -> None:
        assert self._history.last is not None
        self._spending.begin()
        number = self._history.last.trial
        move = self._policy.ask(self._history)
        memory = recall(self._lab, self._history, move)
        turn = await self._roles.advise(role, number, move, memory)
        if turn.reply is None:
            assert turn.failure is not None
            reason = turn.failure.message.partition("\n")[0]
            self._emit(events.Notice(text=f"the {role} gave no note: {reason}"))
            return
        backend = self._roles.backend(role, move)
        usd, tokens = self._spending.due()
        record = RoleTurn(
            run=self._bench.run,
            role=role,
            after_trial=number,
            text=turn.reply.text,
            evaluator=self._bench.evaluator.fingerprint,
            cost_usd=usd,
            tokens=tokens,
            backend=backend.name,
            model=backend.model,
            session=turn.session,
            prompt_sha256=turn.prompt_sha256,
            unfenced=backend.unfenced,
        )
        whole = self._bench.append(record)
        self._spending.recorded()
        write_whole(self._lab.note_file(role), f"{turn.reply.text.rstrip()}\n".encode())
        assert isinstance(whole, RoleTurn)
        self._emit(events.Noted(record=whole))

    def _trial_record(self, draft: Pending, taken: Taken | None, outcome: Outcome) -> Trial:
        fields = self._bench.scored_fields(draft.trial, taken, outcome)
        fields["seconds"] = Seconds(propose=draft.propose_seconds, evaluate=outcome.seconds)
        fields["cost_usd"], fields["tokens"] = self._spending.due()
        return Trial(**fields | draft.trial_fields())

    def _abandoned(self, draft: Pending) -> Trial:
        draft = pending.load(self._lab, draft.trial) or draft
        left = unrecorded(self._lab, self._history.last_number)
        taken = adopt(left[0])[0] if left else None
        verdict = Verdict.failed("abandoned", "interrupted", "the run was interrupted.")
        return self._trial_record(draft, taken, Outcome(verdict=verdict))

    def _record(self, record: Trial) -> None:
        whole = self._bench.append(record)
        self._spending.recorded()
        assert isinstance(whole, Trial)
        self.recorded.append(whole.trial)
        self._policy.tell(whole)
        best = self._history.best
        is_best = best is not None and best.trial == whole.trial
        self._emit(events.Recorded(record=whole, is_best=is_best))


def _after(draft: Pending, turn: Turn[WorkerReply]) -> Pending:
    """Add a turn's words and time."""
    return msgspec.structs.replace(
        draft,
        notes=turn.reply.notes if turn.reply else draft.notes,
        session=turn.session or draft.session,
        prompt_sha256=draft.prompt_sha256 or turn.prompt_sha256,
        propose_seconds=draft.propose_seconds + turn.seconds,
    )


def _worth_sending_back(outcome: Outcome) -> bool:
    """A Worker can mend its experiment, not the lab's own evaluation."""
    error = outcome.verdict.error
    return outcome.status != "scored" and (error is None or error.category != "evaluation")


def _unproposed(failure: Failure) -> Outcome:
    """A trial without an experiment; one that a budget ended was given up, not rejected."""
    if failure.kind == "budget":
        return Outcome(verdict=Verdict.failed("abandoned", "budget", failure.message))
    return _rejected("no experiment", failure.message)


def _rejected(category: str, text: str) -> Outcome:
    return Outcome(verdict=Verdict.failed("rejected", category, text))
