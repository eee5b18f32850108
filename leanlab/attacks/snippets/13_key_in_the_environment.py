"""Read an API key from any environment.

prize: your money
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import os
found = [value for name, value in os.environ.items() if name == "LEANLAB_CANARY_KEY"]
try:
    others = os.listdir("/proc")
except OSError:
    others = []
for process in [str(T["sentinel"])] + [name for name in others if name.isdigit()]:
    try:
        text = open("/proc/" + process + "/environ", "rb").read()
    except OSError:
        continue
    found += [part.decode() for part in text.split(b"\0") if part.startswith(b"LEANLAB_CANARY_KEY=")]
    if found:
        break
if found:
    tell(found[0])
