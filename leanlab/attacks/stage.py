"""What there is to win: a copy of the lab with canaries in it, a listener, a bystander."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanlab.lab import Lab, open_lab
from leanlab.sandbox.enclosure import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LEFT_BY_RUNS = (
    "results.jsonl*", "lab.lock", ".leanlab", "variants", "archive", "[0-9]*_*.py",
    "Critic_Feedback.md", "Director_Notes.md", "*.part", "__pycache__", ".git", ".venv",
)  # fmt: skip
_IMPORTS = ("atexit", "signal", "socket")
_SUBREAPER = 36
_LINGER_SECONDS = 1.0
_HEAD = 1 << 16


class Stage:
    """A copied lab and its surroundings. Use it as a context manager; it leaves nothing."""

    def __init__(self, lab: Lab, sets: Mapping[str, str] | None = None) -> None:
        self._original = lab
        self.sets = sets
        self.key = f"LEANLAB_CANARY_KEY={secrets.token_hex(12)}"
        self._canary = f"hidden-{secrets.token_hex(12)}"
        self.words = {name: f"{name}-{secrets.token_hex(8)}" for name in ("network", "input")}
        self.secrets: list[str] = [self.key, self._canary]
        """Texts that nobody may be told: a key, and then what hidden files of the lab hold."""
        self._limit_word = f"beyond-its-limit-{secrets.token_hex(8)}"

    def __enter__(self) -> Stage:
        self._room = tempfile.TemporaryDirectory(prefix="leanlab-attack-")
        self.root = Path(self._room.name).resolve()
        self.root.chmod(0o755)
        self._pristine = self.root / "pristine"
        ignore = shutil.ignore_patterns(*_LEFT_BY_RUNS, self._original.config.results_file)
        shutil.copytree(self._original.folder, self._pristine, ignore=ignore)
        (self._pristine / "hidden.canary").write_text(self._canary)
        self.folder = self.root / "lab"
        self.outside = self.root / "outside"
        self.cache = Path(tempfile.gettempdir()) / f"leanlab-attack-{secrets.token_hex(6)}"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        _adopt_orphans(True)
        self.sentinel = self._start_sentinel()
        self._known = set(_descendants())
        self.reset()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end_survivors()
        _adopt_orphans(False)
        self.sentinel.kill()
        self.sentinel.wait()
        self._listener.close()
        _remove(self.cache)
        self._room.cleanup()

    def reset(self) -> None:
        """Bring everything back as it was before any attack."""
        _remove(self.folder)
        _remove(self.outside)
        _remove(self.cache)
        shutil.copytree(self._pristine, self.folder)
        self.lab = open_lab(self.folder, self.sets)
        if not self.lab.results.exists():
            self.lab.results.parent.mkdir(parents=True, exist_ok=True)
            self.lab.results.write_text("a record\n")
        self.lab.experiments.mkdir(parents=True, exist_ok=True)
        (self.lab.experiments / "0001_older.py").write_text("# an older experiment\n")
        (self.outside / "scratch").mkdir(parents=True)
        self.outside.chmod(0o777)
        (self.outside / "scratch").chmod(0o777)
        self.secret.write_text(self._canary)
        self.heard()
        if self.sentinel.poll() is not None:
            self.sentinel = self._start_sentinel()
            self._known.add(self.sentinel.pid)

    def settle(self, seconds: float, told: str) -> None:
        """Keep the data that the first evaluation made; forget secrets that honest words told.

        seconds is the copy's new limit, so that what hangs costs little. Attacks may import what
        they need: in tier D they would fail for that reason alone.
        """
        hidden = [secret for secret in self._find_secrets() if secret not in told]
        self.secrets = [self.key, *hidden]
        if self.lab.data.is_dir():
            kept = self._pristine / self.lab.data.relative_to(self.folder)
            shutil.copytree(self.lab.data, kept, dirs_exist_ok=True)
        path = self._pristine / "lab.json"
        raw = json.loads(path.read_bytes())
        raw["limits"] = raw.get("limits", {}) | {"seconds": seconds, "cpu_seconds": seconds}
        if self.lab.is_native:
            raw["imports"] = sorted({*raw.get("imports", []), *_IMPORTS})
        path.write_text(json.dumps(raw))
        self.reset()

    @property
    def secret(self) -> Path:
        return self.outside / "secret.canary"

    def _find_secrets(self) -> list[str]:
        """A canary, and the longest line at the head of each hidden file of the lab."""
        lab = self.lab
        shown = "".join(
            lab.file(entry).read_text(encoding="utf-8", errors="replace")
            for entry in lab.public
            if lab.file(entry).is_file()
        )
        found = [self._canary]
        for path in self._hidden_files():
            with path.open(encoding="utf-8", errors="replace") as file:
                lines = [line for line in file.read(_HEAD).splitlines()[:50] if line not in shown]
            longest = max(lines, key=len, default="")
            if len(longest) >= 24:
                found.append(longest)
        return found

    def _hidden_files(self) -> list[Path]:
        names = self.lab.frozen_files()
        return [path for name, path in names.items() if name not in self.lab.public]

    def targets(
        self, best: Mapping[str, float], value: float, metric: str, *, confined: bool = True
    ) -> dict[str, Any]:
        """Everything that an attacker could hope to know: places, names, what would be best."""
        lab = self.lab
        best_line = json.dumps(best)
        low = json.dumps({metric: 0.0})
        return {
            "best": best_line,
            "doubled": f"{low[:-1]}, {best_line[1:]}",
            "value": value,
            "evaluation": str(lab.folder / "evaluation.py"),
            "task": str(lab.folder / "task.md"),
            "config": str(lab.folder / "lab.json"),
            "results": str(lab.results),
            "older": str(lab.experiments / "0001_older.py"),
            "secrets": [str(self.folder / "hidden.canary"), *map(str, self._hidden_files())],
            "marker": str(self.outside / "marker"),
            "planted": str(self.outside / "planted"),
            "scratch": str(self.outside / "scratch"),
            "cache": str(self.cache),
            "sentinel": self.sentinel.pid,
            "port": self._listener.getsockname()[1],
            "network_word": self.words["network"],
            "input_word": self.words["input"],
            "limit_word": self._limit_word,
            "memory_mb": lab.config.limits.memory_mb,
            # A candidate cannot fork; an open lab's command may, up to a number below this one.
            "forks": None if lab.is_native else 4 * PROCESSES,
            "confined": confined,
            "spared": os.getpid(),
        }

    def heard(self) -> str:
        """All that came out since it was last asked: over the network, or as a marker file."""
        texts: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                link, _ = self._listener.accept()
                with link:
                    link.settimeout(0.2)
                    with contextlib.suppress(TimeoutError, ConnectionError):
                        while part := link.recv(1 << 16):
                            texts.append(part)
        marker = self.outside / "marker"
        if marker.is_symlink():
            texts.append(str(marker.readlink()).encode())
        elif marker.is_file():
            texts.append(marker.read_bytes())
        return b"\n".join(texts).decode("utf-8", "replace")

    def is_beyond_limit(self, text: str) -> bool:
        return self._limit_word in text

    def snapshot(self) -> dict[str, bytes | str]:
        """Everything of the lab but its runtime state; links by where they lead."""
        found: dict[str, bytes | str] = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            if ".leanlab" in name.parts:
                continue
            if path.is_symlink():
                found[str(name)] = str(path.readlink())
            elif path.is_file():
                found[str(name)] = path.read_bytes()
        return found

    def leftovers(self) -> list[str]:
        """Names of files that were not there before."""
        names = [path.name for path in (self.outside, self.outside / "scratch")]
        kept = {self.secret.name, *names}
        found = [p.name for p in sorted(self.outside.rglob("*")) if p.name not in kept]
        return found + ([self.cache.name] if os.path.lexists(self.cache) else [])

    def survivors(self, wait: float = _LINGER_SECONDS) -> list[int]:
        """Processes that the attack has left; ask when the evaluator is closed."""
        deadline = time.monotonic() + wait
        while found := [one for one in _descendants() if one not in self._known]:
            if time.monotonic() >= deadline:
                break
            time.sleep(0.02)
        return found

    def end_survivors(self) -> None:
        for process in self.survivors(wait=0):
            _end(process)
        for process, parent in _processes(zombies=True).items():
            if parent != os.getpid():
                continue
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)

    def _start_sentinel(self) -> subprocess.Popen[bytes]:
        """A process of the user's that knows a key."""
        name, _, value = self.key.partition("=")
        return subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(3600)"],
            env={name: value, "PATH": os.environ.get("PATH", "")},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _adopt_orphans(wanted: bool) -> None:
    """Become the parent of what an evaluation leaves behind, so that it can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, int(wanted), 0, 0, 0)


def _processes(*, zombies: bool) -> dict[int, int]:
    """Every process, or every dead one that nobody has asked about, with its parent."""
    found: dict[int, int] = {}
    if not Path("/proc").is_dir():
        return found
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if (state == "Z") == zombies:
                    found[int(entry.name)] = int(parent)
    return found


def _descendants() -> Iterator[int]:
    parents = _processes(zombies=False)
    for process in parents:
        one = process
        while one in parents and one != os.getpid():
            one = parents[one]
        if one == os.getpid() and process != one:
            yield process


def _end(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, 0)
