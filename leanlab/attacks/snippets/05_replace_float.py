"""Replace builtins.float and sum.

prize: the arithmetic of the metric
control: in process
remedy: score in evaluate(candidate, lab), which shares no process with an experiment
open: forged
kind: snippet
"""
import builtins
builtins.float = lambda *_: T["value"]
builtins.sum = lambda *_: T["value"]
