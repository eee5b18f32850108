"""Print a score to standard error.

prize: an evaluator that reads both streams
control: in process
remedy: score in evaluate(candidate, lab), which shares no process with an experiment
open: resisted
kind: snippet
"""
import atexit, sys
atexit.register(lambda: print(T["best"], file=sys.stderr, flush=True))
