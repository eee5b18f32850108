"""Walk the frames up into the evaluator.

prize: its labels and its functions
control: in process
remedy: score in evaluate(candidate, lab), which shares no process with an experiment
open: forged
kind: snippet
"""
import sys
frame = sys._getframe()
while frame:
    for space in (frame.f_globals, frame.f_locals):
        if space is not globals() and isinstance(space, dict):
            for name in [name for name in space if name in ("score", "accuracy", "evaluate", "label_of")]:
                space[name] = lambda *_, **__: T["value"]
    frame = frame.f_back
