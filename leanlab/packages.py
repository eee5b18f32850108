"""Packages that lab.json names, by what `import` and what pip call them, and which are here."""

from __future__ import annotations

import importlib
import os
import re
import site
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING

from leanlab.errors import ConfigError

if TYPE_CHECKING:
    from leanlab.config import LabConfig

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_LONGEST = 200
_BRINGS = {"sklearn": "scikit-learn", "PIL": "pillow", "cv2": "opencv-python", "yaml": "pyyaml"}
"""Packages whose modules have another name."""
_ARCHIVES = (".whl", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz", ".lz", ".lzma")
"""What ends like this, pip takes for the path of a file."""


def usual_name(module: str) -> str:
    """What pip calls the package that brings a module, as far as that is known here."""
    top = module.partition(".")[0]
    return _BRINGS.get(top, top)


def check_module(module: str, where: str) -> None:
    """Raise a ConfigError, which begins with where, unless an experiment could import the name."""
    if len(module) > _LONGEST or not _MODULE.fullmatch(module):
        raise ConfigError(
            f"{where}: {module[:_LONGEST]!r} is no name that `import` takes. "
            "Write it as an experiment imports it, such as sklearn."
        )
    if module.partition(".")[0] == "leanlab":
        raise ConfigError(f"{where}: leanlab is not for experiments. Take {module!r} out.")


def check_requirement(text: str, where: str) -> None:
    """Raise a ConfigError, which begins with where, unless text is a plain requirement.

    Plain is a name with extras and versions: nothing that pip reads as an option, an address or a
    path, and nothing that holds on some machines alone.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    fault = "" if len(text) <= _LONGEST else "is too long"
    if not text.isascii() or any(sign.isspace() for sign in text):
        fault = "has spaces or signs beyond ASCII"
    elif text.lower().endswith(_ARCHIVES):
        fault = "would be taken for a file"
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        fault = fault or "is no requirement"
    else:
        if parsed.url or parsed.marker or "===" in text:
            fault = fault or "is more than a name, extras and versions"
    if fault:
        raise ConfigError(
            f"{where}: {text[:_LONGEST]!r} {fault}. Write what pip is to install as a name with "
            "versions, without spaces, such as 'scikit-learn>=1.5'."
        )


def version_here(module: str, requirement: str) -> str | None:
    """The installed version of what a checked requirement names.

    None unless it fits and the module is found. What a user has installed for themselves alone is
    not here: the processes of candidates do not look there.
    """
    from importlib import metadata

    from packaging.requirements import Requirement
    from packaging.version import InvalidVersion

    importlib.invalidate_caches()
    parsed = Requirement(requirement)
    try:
        version = metadata.version(parsed.name)
        fits = bool(version) and parsed.specifier.contains(version, prereleases=True)
    except (metadata.PackageNotFoundError, InvalidVersion):
        return None
    return version if fits and _is_found(module) else None


def importable(config: LabConfig) -> tuple[str, ...]:
    """What experiments may import: imports, and of packages what is installed here."""
    here = (name for name, wanted in config.packages.items() if version_here(name, wanted))
    return tuple(dict.fromkeys((*config.imports, *here)))


def listed_as(name: str, config: LabConfig) -> str | None:
    """The entry of imports or packages that a name is meant by; None where there is none.

    It may name a module, one within it, or the package as pip calls it.
    """
    entries = (*config.imports, *config.packages)
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if (module := ".".join(parts[:length])) in entries:
            return module
    for module, requirement in config.packages.items():
        if _project(requirement) == _canonical(name):
            return module
    return None


def _project(requirement: str) -> str:
    from packaging.requirements import Requirement

    return _canonical(Requirement(requirement).name)


def _canonical(name: str) -> str:
    """The same for all spellings that an index takes for one name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_found(module: str) -> bool:
    """Tell whether a module is there for everybody, without importing what it lies in."""
    name, *inner = module.split(".")
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    for part in inner:
        if spec is None or spec.submodule_search_locations is None:
            return False
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    if spec is None:
        return False
    own = f"{site.getusersitepackages()}{os.sep}"
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return not any(place.startswith(own) for place in places)
