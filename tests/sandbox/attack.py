"""Run the attacks in attacks/ against a sandbox, and say which of them worked.

As a script it makes the sandbox that this process gets, and prints JSON. Arguments: what to take
away first, as a container or an old kernel does: names of MECHANISMS or CAPABILITIES. "name=ERRNO"
has a mechanism's calls fail in another way than by EPERM; with "name=0" they succeed idly.
"""

import ctypes
import errno
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import msgspec

import leanlab.errors
from leanlab.config import Limits
from leanlab.errors import CandidateFailed, ConfinementUnavailable
from leanlab.sandbox import Sandbox

ATTACKS = sorted((Path(__file__).parent / "attacks").glob("*.py"))

IMPORTS = ["ctypes", "fcntl", "resource", "shutil", "socket", "subprocess", "threading"]
"""What attacks need: in tier D they could not import it, and would fail for that reason."""

# System call: (number on x86_64, on aarch64).
NUMBERS = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone": (56, 220),
    "mount": (165, 40),
    "prctl": (157, 167),
    "seccomp": (317, 277),
    "pidfd_open": (434, 434),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
NEW_NAMESPACES, PR_SET_SECCOMP = 0x7E020000, 22
JUMP_EQUAL, JUMP_SET = 0x15, 0x45

# What to take away: the calls that it needs; of some, only with the arguments that it needs.
MECHANISMS = {
    "namespaces": ["unshare", "setns", ("clone", 0, JUMP_SET, NEW_NAMESPACES)],
    "mount": ["mount"],
    "landlock": ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"],
    "pidfd": ["pidfd_open"],
    "restrict": ["landlock_restrict_self"],
    "seccomp": ["seccomp", ("prctl", 0, JUMP_EQUAL, PR_SET_SECCOMP)],
}
CAPABILITIES = {"sys_admin": [21], "capabilities": range(64)}


@contextmanager
def victims():
    """Yield what there is to attack: files, listeners, processes; outside any readable path."""
    with tempfile.TemporaryDirectory(prefix="victim-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "secret.txt").write_text("the labels")
        (folder / "file.txt").write_text("a file")
        bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(folder / "unix"))
            unix.listen()
            yield {
                "secret": str(folder / "secret.txt"),
                "file": str(folder / "file.txt"),
                "new": str(folder / "new"),
                "unix": str(folder / "unix"),
                "port": tcp.getsockname()[1],
                "pid": os.getpid(),
                "bystander": bystander.pid,
                "packages": str(Path(msgspec.__file__).parents[1]),
                "leanlab": str(Path(leanlab.errors.__file__).parents[1]),
            }
        bystander.kill()
        bystander.wait()


def attack(sandbox, path, victim):
    """Return "worked", or what stopped it."""
    with sandbox.process(Limits(seconds=10)) as process:
        try:
            process.load(path.read_bytes(), path.name)
            answers = process.call("f", [victim], reply="bit", explain=True)
        except CandidateFailed as failure:
            return failure.text
    return "worked" if answers.marks == b"1" else answers.note or answers.marks.decode()


def number(name):
    return NUMBERS[name][platform.machine() == "aarch64"]


def line(code, value, if_true=0, if_false=0):
    """One instruction of a seccomp filter."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def matched(call, action):
    """Instructions that return action for a call, and otherwise go on."""
    if isinstance(call, str):
        return line(JUMP_EQUAL, number(call), 0, 1) + line(0x06, action)
    name, argument, jump, value = call
    load, reload = line(0x20, 16 + 8 * argument), line(0x20, 0)
    test = line(JUMP_EQUAL, number(name), 0, 4) + load + line(jump, value, 0, 1)
    return test + line(0x06, action) + reload


def install(program, flags=0):
    """Put this thread and its children behind a filter; return what seccomp returns."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = line(0x20, 0) + program + line(0x06, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    libc.prctl(38, 1, 0, 0, 0)
    result = libc.syscall(number("seccomp"), 1, flags, ctypes.c_char_p(header))
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result


def deny(names):
    """Take mechanisms away from this process and its children."""
    program = b""
    for text in names:
        name, _, how = text.partition("=")
        for capability in CAPABILITIES.get(name, ()):
            # Root's children begin with all that is in the bounding set.
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
        if name in CAPABILITIES:
            continue
        code = 0 if how == "0" else getattr(errno, how or "EPERM")
        program += b"".join(matched(call, 0x00050000 | code) for call in MECHANISMS[name])
    install(program)


def main():
    deny(sys.argv[1:])
    try:
        sandbox = Sandbox(IMPORTS)
    except ConfinementUnavailable as error:
        print(json.dumps({"tier": "none", "text": str(error), "worked": []}))
        return
    with sandbox, victims() as victim:
        worked = [path.stem for path in ATTACKS if attack(sandbox, path, victim) == "worked"]
        confinement = sandbox.confinement
        print(json.dumps({"tier": confinement.tier, "text": confinement.summary, "worked": worked}))


if __name__ == "__main__":
    main()
