"""Loop for ever.

prize: an evaluator that waits
control: in process
remedy: limits.seconds in lab.json ends it
open: resisted
kind: snippet
"""
while True:
    pass
