"""Who pays for Claude: a key in the environment, or the user's own login."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leanlab.config import RoleChoice

KEY = "ANTHROPIC_API_KEY"
URL = "ANTHROPIC_BASE_URL"
KEYS = (KEY, "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
_FOLDER = "CLAUDE_CONFIG_DIR"
_CREDENTIALS = ".credentials.json"
# Enough to start a program and to reach the provider through a proxy.
_KEPT = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "no_proxy",
)  # fmt: skip


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A way to be let in."""

    words: str
    """Which one, for people."""
    environment: dict[str, str]
    folder: Path | None = None
    """Where the user's own login lies, which Claude renews there; None where a key is enough."""

    @property
    def paths(self) -> list[Path]:
        """All that is the login's: its folder, and the settings that Claude keeps beside it."""
        return [self.folder, self.folder.with_name(".claude.json")] if self.folder else []


def is_installed() -> bool:
    return find_spec("claude_agent_sdk") is not None


def find(settings: RoleChoice) -> Login | None:
    """Return what lets a role in; None when there is nothing."""
    url = settings.base_url or os.environ.get(URL, "")
    where = {URL: url} if url else {}
    if settings.key:
        key = os.environ.get(settings.key)
        named = Login(words=f"{settings.key} is set", environment={KEY: key or ""} | where)
        return named if key else None
    if settings.base_url:
        # Neither key nor login goes to a server that lab.json names alone.
        return Login(words=settings.base_url, environment={KEY: "none"} | where)
    for name in KEYS:
        if key := os.environ.get(name):
            return Login(words=f"{name} is set", environment={name: key} | where)
    folder = Path(os.environ.get(_FOLDER) or Path.home() / ".claude")
    if (folder / _CREDENTIALS).is_file():
        return Login(words="you are logged in to Claude", environment=where, folder=folder)
    return None


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """Blank all that the process would inherit, but for little; then add its own.

    The SDK lays this over the whole environment: a variable can be emptied, not taken away.
    """
    blank = {name: "" for name in os.environ if name not in _KEPT}
    return blank | dict(own)


def own_folder() -> dict[str, str]:
    """Where the user has Claude's folder elsewhere, it stays there."""
    return {_FOLDER: os.environ[_FOLDER]} if os.environ.get(_FOLDER) else {}


def isolated(folder: Path) -> dict[str, str]:
    """Have Claude keep its things in a folder, and see nothing of the user's."""
    return {_FOLDER: str(folder), "HOME": str(folder)}
