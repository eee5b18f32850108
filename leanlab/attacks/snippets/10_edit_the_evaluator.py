"""Rewrite evaluation.py, though it is read-only.

prize: the rules
control: unconfined
remedy: run with tier A or B; `leanlab check` says what is missing
kind: snippet
"""
put(T["evaluation"], "def evaluate(candidate, lab):\n    return " + T["best"] + "\n")
