"""Kill the evaluator and what else it can.

prize: a run that ends as a success
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os, signal
# The parent last: its end may be that of this process too.
for process in (T["sentinel"], os.getppid()):
    if process > 1 and process != T["spared"]:
        try:
            os.kill(process, signal.SIGKILL)
        except OSError:
            continue
