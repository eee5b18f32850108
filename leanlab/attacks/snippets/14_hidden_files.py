"""Read the hidden files of the lab.

prize: the labels
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: read
kind: snippet
"""
found = ""
for path in T["secrets"]:
    try:
        found += open(path, errors="replace").read()
    except OSError:
        continue
if found:
    tell(found)
