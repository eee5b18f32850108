"""Which backend plays which role in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.backends import choosing, recording
from leanlab.config import RoleChoice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leanlab.backends import Backend
    from leanlab.backends.choosing import Choice
    from leanlab.events import Role
    from leanlab.lab import Lab
    from leanlab.policy import Policy
    from leanlab.running import Options

ROLES: tuple[Role, ...] = ("worker", "critic", "director")


def cast(
    lab: Lab, options: Options, given: Backend | None = None
) -> tuple[dict[Role, Backend], str]:
    """Make each role's backend, shared where it is the same; say which and why."""
    if options.replay is not None:
        takes = recording.load(options.replay)
        played = {role: recording.Replay(role, takes, options.replay) for role in ROLES}
        return {**played}, f"replay of {options.replay}"
    roles, words = _made(lab, options) if given is None else _given(given)
    if options.record is None:
        return roles, words
    file = recording.begin(options.record)
    return {role: recording.Recorder(roles[role], file) for role in ROLES}, words


def _given(backend: Backend) -> tuple[dict[Role, Backend], str]:
    return dict.fromkeys(ROLES, backend), backend.name


def _made(lab: Lab, options: Options) -> tuple[dict[Role, Backend], str]:
    chosen = choices_of(lab, options)
    made = {
        choice: choosing.make(choice, lab, allow_unfenced=options.allow_unfenced)
        for choice in dict.fromkeys(chosen.values())
    }
    words = dict.fromkeys(choice.words(made[choice]) for choice in chosen.values())
    return {role: made[choice] for role, choice in chosen.items()}, ", ".join(words)


def researcher_of(lab: Lab, chosen: Policy, roles: Mapping[Role, Backend]) -> Backend | None:
    """The offline researcher beside the run's own backend, where the policy asks it first."""
    if not chosen.offline_first or roles["worker"].name == "offline":
        return None
    return choosing.make(choosing.choose("offline"), lab)


def choices_of(lab: Lab, options: Options) -> dict[Role, Choice]:
    """Each role's backend: lab.json's own word for it, or else the run's."""
    own = {role: lab.config.roles.get(role, RoleChoice()) for role in ROLES}
    return {
        role: choosing.choose(settings.backend or options.backend, _completed(settings, options))
        for role, settings in own.items()
    }


def _completed(own: RoleChoice, options: Options) -> RoleChoice:
    """What lab.json says of a role, with the run's model and effort where it leaves them open.

    They are not meant for a role that has another backend than the run.
    """
    if own.backend not in (None, options.backend):
        return own
    model, effort = own.model or options.model, own.effort or options.effort
    return msgspec.structs.replace(own, model=model, effort=effort)
