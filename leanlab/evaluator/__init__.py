"""The trusted side: the frozen rules, applied to one experiment at a time."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Protocol

import msgspec

from leanlab.evaluator.command import OpenRules
from leanlab.evaluator.intake import Rejected, Taken, take
from leanlab.evaluator.native import NativeRules
from leanlab.lab import make_home
from leanlab.packages import importable
from leanlab.records import Status, Verdict
from leanlab.seal import Hasher, Seal, read_seal, verify, write_seal

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from types import TracebackType

    from leanlab.events import Sink
    from leanlab.lab import Lab

__all__ = ["Evaluator", "Outcome", "Rejected", "Taken", "take"]


class Rules(Protocol):
    """What a lab's frozen files do, whichever way they are run."""

    async def open(self) -> tuple[str, str]: ...
    async def renew(self, imports: tuple[str, ...]) -> None: ...
    async def make_data(self) -> None: ...
    async def validate(self, experiment: Path) -> Verdict | None: ...
    async def evaluate(self, experiment: Path, seed: int) -> Verdict: ...
    async def close(self) -> None: ...
    async def kill(self) -> None: ...


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment came to, all repeats together."""

    verdict: Verdict
    """Metrics are means."""
    repeats: dict[str, tuple[float, ...]] | None = None
    standard_error: dict[str, float] | None = None
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        return self.verdict.status

    @property
    def message(self) -> str:
        """What goes back to the Worker when there is no score."""
        error = self.verdict.error
        parts = (error.text if error else "", self.verdict.feedback)
        return "\n".join(part for part in parts if part)


class Evaluator:
    """Applies a lab's frozen files. Checks the seal before and after every evaluation.

    Use it as an asynchronous context manager; leaving it ends every process that it started.
    Entering makes data and seal where there are none, unless it is only to look: then nothing
    is written, and frozen files without a seal count as they stand. confined=False takes a native
    lab's confinement away, as a control needs it: allow_unsandboxed must permit it, and the tier
    is none. emit is told how far a job is. Modules in later cannot be imported before admit().
    """

    def __init__(
        self,
        lab: Lab,
        *,
        allow_unsandboxed: bool = False,
        only_look: bool = False,
        confined: bool = True,
        emit: Sink = lambda _: None,
        later: Collection[str] = (),
    ) -> None:
        self.lab = lab
        self.imports = tuple(name for name in importable(lab.config) if name not in later)
        """What candidates may import beyond the standard library."""
        self.fingerprint = ""
        self.tier = "none"
        self.summary = ""
        """Names the confinement, in one line."""
        self.seal_made = False
        """True when there was no seal and one was made."""
        self._only_look = only_look
        self._hasher = Hasher()
        self._seal = Seal(files={})
        self._rules: Rules = (
            NativeRules(
                lab,
                self.imports,
                allow_unsandboxed=allow_unsandboxed,
                confined=confined,
                emit=emit,
            )
            if lab.is_native
            else OpenRules(lab, allow_unsandboxed=allow_unsandboxed)
        )

    async def __aenter__(self) -> Evaluator:
        try:
            if not self._only_look:
                make_home(self.lab)
                await self._rules.make_data()
            self._seal = self._sealed()
            self.check_seal()
            self.fingerprint = self.lab.fingerprint(self._seal.files)
            self.tier, self.summary = await self._rules.open()
        except BaseException:
            await self._rules.kill()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await (self._rules.kill() if kind else self._rules.close())

    def _sealed(self) -> Seal:
        seal = read_seal(self.lab)
        if seal is not None:
            return seal
        if self._only_look:
            return Seal(files=self._hasher.hash_all(self.lab))
        self.seal_made = True
        return write_seal(self.lab, self._hasher)

    def check_seal(self) -> None:
        """Raise SealBroken when a frozen file is not as it was sealed."""
        verify(self.lab, self._seal, self._hasher)

    async def admit(self, module: str) -> None:
        """Let candidates import a module that was installed meanwhile.

        Raises EvaluatorError, and all is as before, where none can.
        """
        more = (*self.imports, module)
        await self._rules.renew(more)
        self.imports = more

    async def score(self, experiment: Path) -> Outcome:
        """Validate, then evaluate as often as lab.json asks; the first failure decides."""
        start = time.monotonic()
        verdict = await self.validate(experiment)
        if verdict is not None:
            return Outcome(verdict=verdict, seconds=time.monotonic() - start)
        outcome = await self.evaluate(experiment)
        return msgspec.structs.replace(outcome, seconds=time.monotonic() - start)

    async def validate(self, experiment: Path) -> Verdict | None:
        """Return why the experiment breaks the contract, or None."""
        self.check_seal()
        return await self._rules.validate(experiment)

    async def evaluate(self, experiment: Path) -> Outcome:
        """Evaluate without validating: what an attack does that validate.py would have missed."""
        start = time.monotonic()
        self.check_seal()
        verdicts: list[Verdict] = []
        for seed in range(self.lab.config.repeats):
            verdict = await self._rules.evaluate(experiment, seed)
            self.check_seal()
            if verdict.status != "scored":
                return Outcome(verdict=verdict, seconds=time.monotonic() - start)
            verdicts.append(verdict)
        return _combine(verdicts, time.monotonic() - start)


def _combine(verdicts: list[Verdict], seconds: float) -> Outcome:
    """Means, and the standard error of each mean: s / sqrt(n), s with n - 1 degrees of freedom."""
    first = verdicts[0]
    n = len(verdicts)
    if n == 1:
        return Outcome(verdict=first, seconds=seconds)
    names = [name for name in first.metrics if all(name in v.metrics for v in verdicts)]
    repeats = {name: tuple(v.metrics[name] for v in verdicts) for name in names}
    means = {name: math.fsum(values) / n for name, values in repeats.items()}
    errors = {
        name: math.sqrt(math.fsum((x - means[name]) ** 2 for x in values) / (n - 1) / n)
        for name, values in repeats.items()
    }
    verdict = msgspec.structs.replace(first, metrics=means)
    return Outcome(verdict=verdict, repeats=repeats, standard_error=errors, seconds=seconds)
