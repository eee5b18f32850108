"""Keep a cache outside, for the next trial.

prize: what earlier evaluations have shown
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
put(T["cache"], "seen")
