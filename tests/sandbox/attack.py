"""Run the attacks in attacks/ against a sandbox, and say which of them worked.

As a script it makes the sandbox that this process gets, and prints JSON. Arguments: the names of
system calls to deny first, as a container does.
"""

import ctypes
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

NUMBERS = {
    "x86_64": {"unshare": 272, "mount": 165, "landlock": 444, "seccomp": 157},
    "aarch64": {"unshare": 97, "mount": 40, "landlock": 444, "seccomp": 167},
}


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


def deny(names):
    """Have the kernel refuse these calls to this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    line = struct.Struct("HBBI").pack
    program = line(0x20, 0, 0, 0)
    for name in names:
        number = NUMBERS[platform.machine()][name]
        if name == "seccomp":
            # prctl(PR_SET_SECCOMP) alone: everything else of prctl is in use.
            program += line(0x15, 0, 4, number) + line(0x20, 0, 0, 16) + line(0x15, 0, 1, 22)
            program += line(0x06, 0, 0, 0x00050001) + line(0x20, 0, 0, 0)
        else:
            program += line(0x15, 0, 1, number) + line(0x06, 0, 0, 0x00050001)
    program += line(0x06, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    libc.prctl(38, 1, 0, 0, 0)
    assert libc.prctl(22, 2, ctypes.c_char_p(header), 0, 0) == 0, os.strerror(ctypes.get_errno())


def main():
    deny(sys.argv[1:])
    try:
        sandbox = Sandbox()
    except ConfinementUnavailable as error:
        print(json.dumps({"tier": "none", "text": str(error), "worked": []}))
        return
    with sandbox, victims() as victim:
        worked = [path.stem for path in ATTACKS if attack(sandbox, path, victim) == "worked"]
        confinement = sandbox.confinement
        print(json.dumps({"tier": confinement.tier, "text": confinement.summary, "worked": worked}))


if __name__ == "__main__":
    main()
