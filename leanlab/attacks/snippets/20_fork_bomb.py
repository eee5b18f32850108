"""Fork without end.

prize: every process of the machine
control: not run: it could hurt this machine
remedy: run with tier A or B; `leanlab check` says what is missing
kind: snippet
"""
import os, time
made = 0
for _ in range(100):
    if os.fork() == 0:
        time.sleep(5)
        os._exit(0)
    made += 1
