"""Plant json.py, numpy.py and poisoned cached modules.

prize: every import of the evaluator
control: in process
remedy: do not import from folders that others write to; keep frozen files' imports installed
open: forged
kind: shadow
"""
import builtins, json, sys
json.dumps = lambda *_, **__: T["best"]
try:
    put(T["planted"], "ran")
except OSError:
    pass
