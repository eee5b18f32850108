"""Kill the evaluator and what else it can.

prize: a run that ends as a success
control: unconfined
remedy: run with tier A or B; `leanlab check` says what is missing
kind: snippet
"""
import os, signal
for process in (T["sentinel"], os.getppid()):
    if process > 1:
        try:
            os.kill(process, signal.SIGKILL)
        except OSError:
            continue
