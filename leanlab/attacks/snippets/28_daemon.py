"""Leave a daemon that edits results later.

prize: records that change when nobody looks
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(0.3)
        os.truncate(T["results"], 0)
        time.sleep(6)
    os._exit(0)
