"""Fork without end.

prize: every process of the machine
control: not run: it could hurt this machine
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os, time
made = 0
while T["forks"] is None or made < T["forks"]:
    try:
        child = os.fork()
    except BlockingIOError:
        time.sleep(0.05)
        continue
    if child == 0 and T["forks"] is not None:
        time.sleep(60)
        os._exit(0)
    made += 1
tell(T["limit_word"])
