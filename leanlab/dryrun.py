"""What a run would do, in words; nothing is written and nothing is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab import policy
from leanlab.casting import ROLES, choices_of
from leanlab.memory import recall
from leanlab.overview import history_of
from leanlab.prompts import Prompts
from leanlab.running import budget_of
from leanlab.wishes import allowed_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.history import History
    from leanlab.lab import Lab
    from leanlab.policy import Policy
    from leanlab.running import Options

_FREE = ("offline", "scripted")


def describe(lab: Lab, options: Options) -> Iterator[str]:
    """Yield the plan and each role's exact prompt, line by line."""
    history = history_of(lab)
    chosen = policy.make(options.policy or lab.config.policy, lab.config)
    yield from _plan(lab, options, chosen, history)
    move = chosen.ask(history)
    memory = recall(lab, history, move)
    prompts = Prompts(lab)
    for role in ROLES:
        yield ""
        yield f"===== prompt of the {role.capitalize()} ====="
        yield prompts.turn(role, memory, move, trial=history.last_number + 1).rstrip()


def _plan(lab: Lab, options: Options, chosen: Policy, history: History) -> Iterator[str]:
    config = lab.config
    objective = config.objective
    trials = config.budget.trials if options.trials is None else options.trials
    target = "" if objective.target is None else f", target {objective.target:g}"
    by_us = "  (in leanlab's own evaluator process)" if lab.is_native else ""
    yield f"lab        {lab.home} ({'native' if lab.is_native else 'open'})"
    yield f"objective  {objective.direction} {objective.metric}{target}"
    if config.prepare_cmd is not None:
        yield f"prepare    {config.prepare_cmd}  (once, if you agree)"
    yield f"evaluate   {config.eval_cmd}{by_us}"
    yield f"validate   {config.validate_cmd}{by_us}"
    for one in allowed_by(config):
        here = f"version {one.installed} here" if one.installed else "installed when asked for"
        yield f"package    {one.module}: {one.requirement}  ({here})"
    yield f"trials     {trials}, after {history.trials} in the ledger"
    yield f"policy     {chosen.name}"
    yield f"returns    at most {config.max_fix_calls} a trial, to the same Worker"
    yield f"critic     {_cadence(config.critic_every)}, if it scored"
    yield f"director   {_cadence(config.director_every)}"
    choices = choices_of(lab, options)
    if chosen.offline_first and choices["worker"].name != "offline":
        yield "first      offline, until it has nothing more to propose"
    for role, choice in choices.items():
        yield f"backend    {role}: {choice.name} ({choice.why})"
    names = {choice.name.partition(":")[0] for choice in choices.values()}
    yield f"cost       {_cost(lab, options, trials, free=names <= set(_FREE))}"
    budget = msgspec.structs.asdict(budget_of(lab, options))
    for name in ("usd", "tokens", "seconds"):
        if budget[name] is not None:
            yield f"budget     {budget[name]:g} {name}"


def _cadence(every: int) -> str:
    if every == 0:
        return "never"
    return "after every trial" if every == 1 else f"after every {every} trials"


def _cost(lab: Lab, options: Options, trials: int, *, free: bool) -> str:
    """The most turns that a run can take, and what is known of their price."""
    config = lab.config
    advice = sum(trials // every for every in (config.critic_every, config.director_every) if every)
    turns = f"at most {trials * (1 + config.max_fix_calls) + advice} turns"
    if free:
        return f"$0.00; {turns}, none of them paid for"
    usd = budget_of(lab, options).usd
    return f"{turns}; " + (f"at most ${usd:.2f}" if usd is not None else "no bound: set --max-usd")
