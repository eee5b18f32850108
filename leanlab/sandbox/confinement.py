"""What a machine can do to confine a candidate, and what to say about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import msgspec

Tier = Literal["A", "B", "C", "D", "none"]


class Found(msgspec.Struct, frozen=True, tag_field="kind", tag="found"):
    """What the zygote's probes found; see zygote.Found."""

    namespaces: Literal["root", "user", ""]
    landlock: int
    seccomp: bool
    missing: dict[str, str]
    arrays: bool = False
    files: dict[str, str] = {}


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """How candidates are confined here."""

    tier: Tier
    """A: namespaces, Landlock, seccomp and limits. B: without namespaces, so that names of hidden
    files can be seen, though nothing in them. C: without Landlock. D: with neither, so that no file
    can be opened at all. none: without seccomp, whatever other layers there are."""
    layers: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """What is missing, and why, in words."""
    remedy: str = ""
    """How to get to tier A, in one sentence; empty there."""

    @property
    def summary(self) -> str:
        """The one line to print."""
        line = f"confinement: tier {self.tier} ({_words(self.layers)})"
        if self.tier == "A":
            return line
        lacks = "; ".join(self.missing)
        means = _MEANS[self.tier]
        return f"{line}; {lacks}: {means}. To get tier A: {self.remedy}"


_MEANS = {
    "B": "names of hidden files stay visible, contents do not",
    "C": "what can be read is decided by the mount namespace alone",
    "D": "no file can be opened, so candidates can import what is preloaded and no more",
    "none": "candidates are not confined",
}

_SYSTEM_SETTINGS = Path("/proc/sys")


def tier_of(found: Found, settings: Path = _SYSTEM_SETTINGS) -> Confinement:
    """Name the tier of what was found; settings is where the kernel's are read for the remedy."""
    layers: list[str] = []
    if found.namespaces:
        layers += ["user"] if found.namespaces == "user" else []
        layers += ["mount", "net", "ipc", "uts", "pid"]
    layers += [f"landlock-{found.landlock}"] if found.landlock else []
    layers += ["seccomp"] if found.seccomp else []
    layers += ["rlimits"] if sys.platform == "linux" else []
    tier: Tier = "none"
    if found.seccomp and sys.platform == "linux":
        files = (bool(found.namespaces), bool(found.landlock))
        tier = _TIERS[files]
    missing = tuple(f"no {layer} ({why})" for layer, why in found.missing.items())
    remedy = "" if tier == "A" else _remedy(found, settings)
    return Confinement(tier=tier, layers=tuple(layers), missing=missing, remedy=remedy)


_TIERS: dict[tuple[bool, bool], Tier] = {
    (True, True): "A",
    (False, True): "B",
    (True, False): "C",
    (False, False): "D",
}
"""With seccomp: by whether there are namespaces, and Landlock."""

_NAMESPACES = ("user", "mount", "net", "ipc", "uts", "pid")


def _words(layers: tuple[str, ...]) -> str:
    spaces = [layer for layer in layers if layer in _NAMESPACES]
    others = [layer for layer in layers if layer not in _NAMESPACES]
    words = [f"{', '.join(spaces[:-1])} and {spaces[-1]} namespaces"] if spaces else []
    for layer in others:
        name, _, version = layer.partition("-")
        plain = {"landlock": f"Landlock {version}", "rlimits": "limits"}
        words.append(plain.get(name, layer))
    return ", ".join(words) or "a process of its own and timers"


def _remedy(found: Found, settings: Path) -> str:
    if sys.platform != "linux":
        return "run in Linux, for example in a container or a virtual machine."
    steps = []
    if not found.seccomp:
        steps.append(
            "use a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64, in a container that "
            "lets its processes filter their system calls"
        )
    if not found.landlock:
        steps.append(
            "use Linux 5.13 or later with landlock among the security modules (the lsm= boot "
            "parameter), in a container that does not deny it"
        )
    if not found.namespaces:
        steps.append(_namespaces_remedy(settings))
    return "; and ".join(steps) + "."


def _namespaces_remedy(settings: Path) -> str:
    for setting, closed, opened in (
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel/unprivileged_userns_clone", "0", "1"),
        ("user/max_user_namespaces", "0", "10000"),
    ):
        path = settings / setting
        if path.exists() and path.read_text().strip() == closed:
            return f"run: sudo sysctl -w {setting.replace('/', '.')}={opened}"
    return (
        "allow user namespaces (in Docker: --security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined)"
    )
