"""Fill the disk, or its inodes.

prize: runs that cannot be recorded
control: unconfined
remedy: run with tier A or B; `leanlab check` says what is missing
kind: snippet
"""
import os
for number in range(100):
    os.mkdir(os.path.join(T["scratch"], "inode%d" % number))
