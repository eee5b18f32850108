"""Set PYTHONPATH and LD_PRELOAD.

prize: every process that inherits them
control: in process
remedy: start evaluations with a minimal environment, as leanlab does
open: resisted
kind: variables
"""
import builtins, json, sys
json.dumps = lambda *_, **__: T["best"]
try:
    put(T["planted"], "ran")
except OSError:
    pass
