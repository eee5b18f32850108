"""Keep a cache outside, for the next trial.

prize: what earlier evaluations have shown
control: unconfined
remedy: run with tier A or B; `leanlab check` says what is missing
kind: snippet
"""
put(T["cache"], "seen")
