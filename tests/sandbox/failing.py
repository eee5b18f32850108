"""Have one step after another of entering confinement fail, and look at what remains.

As a script: makes a sandbox in which nothing fails, and then one for each call that confined it, in
any of its processes, in which that call fails; of the many alike (a mount for each file), the first
and the last. Prints a JSON list: of each sandbox the tier, which attacks worked, the refusal.
With "on" as argument all later calls fail too.

The filter is the kernel's, but asks us (a user notification): a filter by itself cannot count.
"""

import fcntl
import json
import runpy
import struct
import sys
import threading
from pathlib import Path

from leanlab.errors import ConfinementUnavailable
from leanlab.sandbox import Sandbox

HERE = Path(__file__).parent
SCRIPT = runpy.run_path(str(HERE / "attack.py"))
ATTACKS = [
    HERE / "attacks" / f"{name}.py"
    for name in ("read_hidden", "write_file", "fork", "send_udp", "kill_bystander")
]

NEW_LISTENER, USER_NOTIFICATION = 1 << 3, 0x7FC00000
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
SCRIPT["NUMBERS"].update(
    pivot_root=(155, 41),
    umount2=(166, 39),
    open_tree=(428, 428),
    move_mount=(429, 429),
    mount_setattr=(442, 442),
    capset=(126, 91),
    setresuid=(117, 147),
)
WATCHED = [
    *("unshare", "mount", "pivot_root", "umount2", "open_tree", "move_mount", "mount_setattr"),
    *("capset", "setresuid", *SCRIPT["MECHANISMS"]["landlock"]),
    SCRIPT["MECHANISMS"]["seccomp"][1],
]


class Gate:
    """Lets calls through until it is told to fail."""

    def __init__(self, *, on):
        self.calls = []
        """Process and number of each call that was made."""
        self.failing = 0
        self._on = on
        self._installed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()
        # For this thread and what it starts; the one that serves stays outside.
        program = b"".join(SCRIPT["matched"](call, USER_NOTIFICATION) for call in WATCHED)
        self._listener = SCRIPT["install"](program, NEW_LISTENER)
        self._installed.set()

    def _serve(self):
        self._installed.wait()
        while True:
            request = bytearray(80)
            try:
                fcntl.ioctl(self._listener, RECEIVE, request)
            except FileNotFoundError:  # the process was killed in between
                continue
            self.calls.append(struct.unpack_from("I4xi", request, 8))
            made = len(self.calls)
            fails = 0 < self.failing <= made if self._on else self.failing == made
            answer = (0, -1, 0) if fails else (0, 0, CONTINUE)
            try:
                fcntl.ioctl(self._listener, SEND, request[:8] + struct.pack("qiI", *answer))
            except FileNotFoundError:
                continue


def worth_failing(calls):
    """Places, from 1 on, of the first and the last call of a kind that a process makes."""
    places = {}
    for place, call in enumerate(calls, 1):
        places.setdefault(call, []).append(place)
    return sorted(place for alike in places.values() for place in {alike[0], alike[-1]})


def attempt(victim):
    try:
        with Sandbox(SCRIPT["IMPORTS"]) as sandbox:
            reports = {path.stem: SCRIPT["attack"](sandbox, path, victim) for path in ATTACKS}
            worked = [name for name, report in reports.items() if report == "worked"]
            return {"tier": sandbox.confinement.tier, "worked": worked, "refusal": ""}
    except ConfinementUnavailable as error:
        return {"tier": "refused", "worked": [], "refusal": str(error)}


def main():
    with SCRIPT["victims"]() as victim:
        gate = Gate(on="on" in sys.argv[1:])
        outcomes = [attempt(victim)]
        for place in worth_failing(gate.calls):
            gate.calls, gate.failing = [], place
            outcomes.append(attempt(victim))
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
