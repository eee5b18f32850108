"""Patch a class of the framework.

prize: whatever its methods compute
control: in process
remedy: score in evaluate(candidate, lab), which shares no process with an experiment
open: forged
kind: snippet
"""
import sys
for module in list(sys.modules.values()):
    for name in ("Scorer", "Verdict", "Candidate", "Evaluator", "Replies"):
        cls = getattr(module, name, None)
        if isinstance(cls, type):
            for method in ("score", "accuracy", "__init__"):
                if method in vars(cls) and method != "__init__":
                    setattr(cls, method, lambda *_, **__: T["value"])
