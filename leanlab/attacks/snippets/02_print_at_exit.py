"""Print a score last, at exit.

prize: the last word on standard output
control: in process
remedy: score in evaluate(candidate, lab), which shares no process with an experiment
open: forged
kind: snippet
"""
import atexit
atexit.register(lambda: print(T["best"], flush=True))
