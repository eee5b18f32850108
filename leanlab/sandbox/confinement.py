"""What a machine can do to confine a candidate, and what to say about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import msgspec

Tier = Literal["A", "B", "none"]


class Found(msgspec.Struct, frozen=True, tag_field="kind", tag="found"):
    """What the zygote's probes found; see zygote.Found."""

    namespaces: Literal["root", "user", ""]
    landlock: int
    seccomp: bool
    missing: dict[str, str]
    arrays: bool = False


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """How candidates are confined here."""

    tier: Tier
    """A: namespaces, Landlock, seccomp and limits. B: without namespaces, so that names of hidden
    files can be seen, though nothing in them. none: anything less, whatever layers there are."""
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
        if self.tier == "B":
            line += "; no namespaces: names of hidden files stay visible, contents do not"
        else:
            line += f"; candidates are not confined: {'; '.join(self.missing)}"
        return f"{line}. To get tier A: {self.remedy}"


def tier_of(found: Found) -> Confinement:
    """Name the tier of what was found."""
    layers: list[str] = []
    if found.namespaces:
        layers += ["user"] if found.namespaces == "user" else []
        layers += ["mount", "net", "ipc", "uts", "pid"]
    layers += [f"landlock-{found.landlock}"] if found.landlock else []
    layers += ["seccomp"] if found.seccomp else []
    layers += ["rlimits"] if sys.platform == "linux" else []
    tier: Tier = "none"
    if found.landlock and found.seccomp:
        tier = "A" if found.namespaces else "B"
    missing = tuple(f"no {layer} ({why})" for layer, why in found.missing.items())
    remedy = "" if tier == "A" else _remedy(found)
    return Confinement(tier=tier, layers=tuple(layers), missing=missing, remedy=remedy)


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


def _remedy(found: Found) -> str:
    if sys.platform != "linux":
        return "run in Linux, for example in a container or a virtual machine."
    if not found.seccomp:
        return "use a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64."
    if not found.landlock:
        return (
            "use Linux 5.13 or later with landlock among the security modules (the lsm= boot "
            "parameter), in a container that does not deny it."
        )
    return _namespaces_remedy()


def _namespaces_remedy() -> str:
    for setting, closed in (
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("user/max_user_namespaces", "0"),
    ):
        path = Path("/proc/sys", setting)
        if path.exists() and path.read_text().strip() == closed:
            opened = {"1": "0", "0": "1"}[closed] if setting.startswith("kernel") else "10000"
            return f"run: sudo sysctl -w {setting.replace('/', '.')}={opened}"
    return (
        "allow user namespaces; in Docker, run with --security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined."
    )
