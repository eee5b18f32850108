"""What `Candidate.job` asks for, and what it makes of how the job ended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import CandidateFailed
from leanlab.sandbox.orders import Order, check_name
from leanlab.sandbox.outputs import Unusable
from leanlab.sandbox.process import LATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from leanlab.config import Limits
    from leanlab.sandbox.channel import Usage
    from leanlab.sandbox.jobs import Job

_KILLED = (137, 152)
"""How a shell reports SIGKILL and SIGXCPU, by which the kernel enforces the limit of CPU time."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A job that came to an end by itself."""

    exit_code: int
    """As a shell has it: 128 and the signal's number after a signal."""
    outputs: dict[str, Any]
    """By name, each as it was declared."""
    seconds: float
    cpu_seconds: float
    """Of all its processes together, its own start of some hundredths of a second included."""
    log: str
    """The last part of what it printed; empty for hidden inputs."""


def order_of(
    command: Sequence[str],
    source: bytes,
    name: str,
    inputs: Mapping[str, bytes | str | Path],
    outputs: Mapping[str, Any],
    output_mb: float,
) -> Order:
    """Check what is asked for; an EvaluatorError says what is wrong with it."""
    for output in outputs:
        check_name(output)
    return Order(
        command=tuple(command),
        source=source,
        name=name,
        inputs={
            each: content.encode() if isinstance(content, str) else content
            for each, content in inputs.items()
        },
        output_kb=max(4, round(output_mb * 1024)),
    )


def finished(
    job: Job,
    usage: Usage,
    limits: Limits,
    outputs: Mapping[str, Any],
    *,
    any_exit: bool,
    public: bool,
) -> Done:
    """Read a job's outputs; what is wrong with it, or with them, is a CandidateFailed.

    Unless public, nothing is told that the job could have chosen freely.
    """
    _require_in_time(usage, limits)
    try:
        job.outputs.require_space()
        if not any_exit:
            _require_success(usage, public=public)
        values = {
            name: _decoded(name, job.outputs.read(name), declared, public=public)
            for name, declared in outputs.items()
        }
    except Unusable as problem:
        raise _failure(problem.category, str(problem)) from problem
    return Done(
        exit_code=usage.exit_code,
        outputs=values,
        seconds=usage.seconds,
        cpu_seconds=usage.cpu_seconds,
        log=job.log.decode("utf-8", "replace") if public else "",
    )


def _require_in_time(usage: Usage, limits: Limits) -> None:
    if usage.reason == "timed out":
        text = f"the job was still at work after {limits.seconds:g} s"
        raise _failure("timed out", text)
    # The kernel ends a single process at the limit, by counting ticks; this is about all of them.
    nearly = 0.5 * max(1.0, limits.cpu_seconds) if usage.exit_code in _KILLED else math.inf
    if usage.cpu_seconds >= min(limits.cpu_seconds, nearly):
        text = f"the job used {usage.cpu_seconds:.1f} s of CPU, of {limits.cpu_seconds:g} s"
        raise _failure("out of cpu time", text)


def _require_success(usage: Usage, *, public: bool) -> None:
    if usage.exit_code:
        how = f"ended with exit status {usage.exit_code}" if public else "failed"
        raise _failure("exit status", f"the job's command {how}")


def _decoded(name: str, data: bytes, declared: Any, *, public: bool) -> Any:
    if declared is bytes:
        return data
    try:
        return data.decode() if declared is str else msgspec.json.decode(data, type=declared)
    except UnicodeDecodeError as error:
        raise Unusable("wrong type", f"output/{name} is not UTF-8 text") from error
    except (msgspec.DecodeError, RecursionError) as error:
        why = f": {error}" if public else ""
        text = f"output/{name} is not JSON of the type that was asked for{why}"
        raise Unusable("wrong type", text) from error


def _failure(category: str, text: str) -> CandidateFailed:
    status = "timed_out" if category in LATE else "crashed"
    return CandidateFailed(status, category, f"{category}: {text}")
