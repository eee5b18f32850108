"""Fill the disk, or its inodes.

prize: runs that cannot be recorded
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os

def make_folders(place, most):
    number = 0
    while most is None or number < most:
        os.mkdir(os.path.join(place, "inode%d" % number))
        number += 1

def make_bytes(place):
    with open(os.path.join(place, "filling"), "wb", 0) as file:
        while True:
            file.write(bytes(1 << 20))

try:
    make_folders(T["scratch"], 100)
except OSError:
    # Not the disk itself: all that there is, then, without end.
    for place in (".", "/tmp", "/dev/shm") if T["confined"] else ():
        for fill in (make_bytes, lambda place: make_folders(place, None)):
            try:
                fill(place)
            except OSError:
                continue
