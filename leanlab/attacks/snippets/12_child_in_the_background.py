"""Leave a child in the background.

prize: time and memory after its own evaluation
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os, time
if os.fork() == 0:
    os.closerange(0, 256)
    time.sleep(6)
    os._exit(0)
