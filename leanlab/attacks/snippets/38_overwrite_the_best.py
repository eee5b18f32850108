"""Overwrite an older experiment.

prize: a recorded score for another file
control: naive loop
remedy: hand files over by `leanlab run` or `leanlab try`, which number them anew
open: resisted
kind: overwrite
"""
put(T["older"], "def f(x):\n    return 0\n")
