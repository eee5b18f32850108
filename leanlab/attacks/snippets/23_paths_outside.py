"""Name an experiment by ../ or an absolute path.

prize: a file of yours
control: naive loop
remedy: hand files over by `leanlab run` or `leanlab try`, which take files of the workspace alone
open: resisted
kind: paths
"""
