"""Leave a symbolic link, a FIFO or 50 MB as the experiment.

prize: a file of yours, or a loop that hangs
control: naive loop
remedy: hand files over by `leanlab run` or `leanlab try`, which take plain files of 1 MB alone
open: resisted
kind: files
"""
