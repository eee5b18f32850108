"""Plant sitecustomize.py and a .pth file.

prize: every Python that starts there
control: in process
remedy: start Python with -P -s or -I and a clean PYTHONPATH, as leanlab does
open: resisted
kind: sitecustomize
"""
import builtins, json, sys
json.dumps = lambda *_, **__: T["best"]
try:
    put(T["planted"], "ran")
except OSError:
    pass
