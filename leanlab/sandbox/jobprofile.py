"""The third profile: one job of a candidate, with all that it starts, in a world of its own.

See enclosure.py. The job's folder holds its experiment, its inputs (read-only) and an empty output
folder of a fixed size. All of it lies in memory and vanishes with its processes, but for the output
folder, which the evaluator holds. Only the standard library is imported here.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.sandbox import enclosure, kernel, wire

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS, OUTPUT = "inputs", "output"
FILES = 1024
"""In the output folder, folders included."""

_CHUNK, _PAGE = 1 << 20, 4096


class Plan(enclosure.Plan):
    """What the evaluator tells the helper, as JSON; the files' contents follow, in order."""

    experiment: str
    """Its name."""
    size: int
    """Of the experiment, in bytes."""
    inputs: list[tuple[str, int]]
    """Names, and sizes in bytes."""
    output_kb: int


def main() -> None:
    """Receive a plan, run its command, end as it does.

    argv ends in the parent's process id and the socket to the evaluator.
    """
    parent, control = int(sys.argv[-2]), socket.socket(fileno=int(sys.argv[-1]))
    enclosure.follow_parent(parent)
    text = wire.receive_json(control)
    if text:
        plan: Plan = json.loads(text)
        enclosure.run(plan, control.fileno(), lambda: _laying(plan, control))


def _laying(plan: Plan, control: socket.socket) -> Callable[[str], None]:
    return lambda stage: _lay(plan, Path(stage + plan["folder"]), control)


def _lay(plan: Plan, folder: Path, control: socket.socket) -> None:
    """Fill the job's folder, and hand its output folder to the evaluator."""
    _receive(control, folder / plan["experiment"], plan["size"])
    inputs, output = folder / INPUTS, folder / OUTPUT
    pages = sum(-(-size // _PAGE) for _, size in plan["inputs"])
    # A folder takes no page, and there are at most as many as there are slashes.
    nodes = 2 + sum(name.count("/") + 1 for name, _ in plan["inputs"])
    _mount(inputs, f"size={max(1, pages) * _PAGE},nr_inodes={nodes},mode=755")
    for name, size in plan["inputs"]:
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        _receive(control, inputs / name, size)
    kernel.mount(None, str(inputs), kernel.MS_REMOUNT | enclosure.READ_ONLY)
    _mount(output, f"size={plan['output_kb']}k,nr_inodes={FILES + 1},mode=755")
    handle = os.open(output, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    socket.send_fds(control, [b"\n"], [handle])
    os.close(handle)


def _mount(folder: Path, options: str) -> None:
    folder.mkdir()
    kernel.mount("tmpfs", str(folder), enclosure.PLAIN, options)


def _receive(control: socket.socket, path: Path, size: int) -> None:
    with path.open("wb") as file:
        while size:
            part = control.recv(min(size, _CHUNK))
            if not part:
                raise OSError("the evaluator hung up")
            file.write(part)
            size -= len(part)
