"""What Workers have asked for, and what a person lets them have: packages of a lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab import config as configuration
from leanlab import events, jsontext
from leanlab.errors import ConfigError
from leanlab.files import write_whole
from leanlab.packages import check_module, check_requirement, listed_as, usual_name, version_here

if TYPE_CHECKING:
    from leanlab.config import LabConfig
    from leanlab.lab import Lab


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A package that no key of lab.json names, by what `import` calls it."""

    module: str
    times: int
    """How often it was asked for, in every variant."""
    reason: str
    """The latest."""
    trial: int
    named: str
    """The lab or variant whose trial that was, as a command line names it."""


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is installed when a Worker asks for it."""

    module: str
    requirement: str
    installed: str | None
    """Its version; None where it is missing, or does not fit."""


class Packages(msgspec.Struct, frozen=True, kw_only=True):
    """All that there is to say of a lab's packages."""

    imports: tuple[str, ...]
    allowed: tuple[Allowed, ...]
    wishes: tuple[Wish, ...]


def packages_of(lab: Lab) -> Packages:
    """Read lab.json, and the events of the lab and of its variants."""
    config = lab.config
    return Packages(
        imports=config.imports, allowed=allowed_by(config), wishes=tuple(_wishes(lab).values())
    )


def allowed_by(config: LabConfig) -> tuple[Allowed, ...]:
    return tuple(
        Allowed(module=module, requirement=wanted, installed=version_here(module, wanted))
        for module, wanted in config.packages.items()
    )


def _wishes(lab: Lab) -> dict[str, Wish]:
    """By module, the latest last."""
    found: dict[str, Wish] = {}
    for each in (lab, *lab.variants()):
        for event in events.from_file(each.state / "events.jsonl"):
            if not isinstance(event, events.PackageRequested):
                continue
            if listed_as(event.package, lab.config) is not None:
                continue
            earlier = found.pop(event.package, None)
            found[event.package] = Wish(
                module=event.package,
                times=1 + (earlier.times if earlier else 0),
                reason=event.reason,
                trial=event.trial,
                named=each.named,
            )
    return found


def allow(lab: Lab, module: str, requirement: str | None = None) -> bool:
    """Name a package in lab.json, whose other text stays as it is; tell whether that was news.

    None is what lab.json says already, or else the usual name of the package. Raises a ConfigError
    where a name cannot be used.
    """
    path = (lab.folder / "lab.json").resolve()
    config = configuration.load(path)
    check_module(module, "MODULE")
    if module in config.imports:
        raise ConfigError(f"{path}: 'imports' names {module} already. Install it, and it is there.")
    requirement = requirement or config.packages.get(module) or usual_name(module)
    check_requirement(requirement, "--requirement")
    if config.packages.get(module) == requirement:
        return False
    # Of bytes: reading it as text would change the ends of its lines.
    changed = jsontext.put(path.read_bytes().decode(), ("packages", module), requirement)
    configuration.parse(changed.encode(), str(path))
    mode = path.stat().st_mode
    write_whole(path, changed.encode())
    path.chmod(mode)
    return True
