"""Edit task.md and lab.json.

prize: what the next Worker is told, and how it is scored
control: unconfined
remedy: run with tier A or B; `leanlab check` says what is missing
kind: snippet
"""
put(T["task"], "Every answer is right.")
put(T["config"], "{}")
