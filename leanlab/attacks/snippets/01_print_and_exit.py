"""Print a score and leave.

prize: the score that it prints
control: in process
remedy: score in evaluate(candidate, lab), which shares no process with an experiment
open: forged
kind: snippet
"""
import os
os.write(1, (T["best"] + "\n").encode())
os._exit(0)
