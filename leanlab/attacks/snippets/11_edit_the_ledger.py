"""Append to results.jsonl, or empty it.

prize: the record
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os
line = '{"kind":"trial","trial":99,"metrics":' + T["best"] + '}\n'
try:
    with open(T["results"], "a") as file:
        file.write(line)
except OSError:
    os.truncate(T["results"], 0)
