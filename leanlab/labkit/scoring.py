"""One scoring of one experiment by a lab's own functions. Faults become verdicts, never scores."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import CandidateFailed, ConfinementUnavailable, EvaluatorError
from leanlab.labkit.candidate import Candidate
from leanlab.records import Verdict, clean_metrics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from leanlab.config import Limits
    from leanlab.labkit.view import Lab
    from leanlab.sandbox import Sandbox
    from leanlab.sandbox.progress import Progress


_MAX_TEXT = 16_000


def score(
    evaluate: Callable[[Candidate, Lab], dict[str, float] | Verdict],
    experiment: Path,
    lab: Lab,
    *,
    sandbox: Sandbox,
    limits: Limits,
    metric: str,
    on_progress: Callable[[Progress], None] | None = None,
) -> Verdict:
    """Run evaluate on the experiment, behind the sandbox.

    A candidate's fault carries what it printed on public inputs. A fault of evaluate itself
    goes to standard error whole, for the lab's author, and to the verdict by name only: its
    words may hold labels. Raises EvaluatorError or ConfinementUnavailable when neither is at fault.
    """
    with Candidate(
        sandbox,
        experiment.read_bytes(),
        experiment.name,
        limits,
        seed=lab.seed,
        on_progress=on_progress,
    ) as candidate:
        try:
            return _verdict(evaluate(candidate, lab), metric)
        except CandidateFailed as failure:
            text = "\n".join(part for part in (failure.text, failure.log.strip()) if part)
            return Verdict.failed(failure.status, failure.category, text[-_MAX_TEXT:])  # type: ignore[arg-type]
        except (ConfinementUnavailable, EvaluatorError):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the lab's code may raise anything
            traceback.print_exc(file=sys.stderr)
            return Verdict.failed(
                "crashed",
                "evaluation",
                f"evaluate() in evaluation.py raised {type(error).__name__}. Its traceback is in "
                ".leanlab/evaluator.log; no score was given.",
            )


def _verdict(returned: Any, metric: str) -> Verdict:
    verdict = returned if isinstance(returned, Verdict) else Verdict(metrics=returned)
    if verdict.status == "scored":
        try:
            metrics = clean_metrics(verdict.metrics, metric)
        except ValueError as problem:
            return Verdict.failed("crashed", "evaluation", str(problem))
        verdict = msgspec.structs.replace(verdict, metrics=metrics, error=None)
    try:
        # Nothing has checked the other fields, and the ledger takes them as they are declared.
        return msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as problem:
        text = f"evaluate() returned a Verdict that cannot be kept: {problem}."
        return Verdict.failed("crashed", "evaluation", text)
