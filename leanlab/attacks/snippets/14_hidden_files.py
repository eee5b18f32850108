"""Read the hidden files of the lab.

prize: the labels
control: unconfined
remedy: run with tier A or B; `leanlab check` says what is missing
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
