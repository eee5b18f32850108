"""Kill the evaluator and what else it can.

prize: a run that ends as a success
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os, signal
for process in {T["sentinel"], os.getppid()} - {T["spared"]}:
    if process > 1:
        try:
            os.kill(process, signal.SIGKILL)
        except OSError:
            continue
