"""What runs in the process that is to be fenced: it puts up the fence, and becomes the program.

It is started once a turn, so it imports next to nothing: libc.py says why.
"""

from __future__ import annotations

import posix
import sys

from leanlab.sandbox import landlock, libc


def main() -> None:
    """Read the plan that fence.fenced wrote: parent, three lists that "" ends, the command."""
    words = iter(sys.argv[2:])
    parent = int(next(words))
    readable, listable, writable = ([*iter(words.__next__, "")] for _ in range(3))
    command = [*words]
    try:
        # Before all else root's: with its capabilities it would read the environment of others.
        libc.drop_bounding_set()
        libc.forbid_new_privileges()
        libc.drop_capabilities()
        landlock.fence(readable, listable, writable)
        libc.die_with_parent()
    except OSError as error:
        sys.exit(f"the fence cannot be put up: {error}")
    if posix.getppid() != parent:
        sys.exit(1)
    try:
        if "/" in command[0]:
            posix.execv(command[0], command)
        import os  # which looks in PATH, and which the others need not wait for

        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started behind the fence: {error.strerror}")
