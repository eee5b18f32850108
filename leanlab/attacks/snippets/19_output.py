"""Print 300 MB.

prize: the memory of whoever keeps it
control: not run: it could hurt this machine
remedy: limits.output_kb in lab.json
open: resisted
kind: snippet
"""
import os
block = b"x" * (1 << 20)
for _ in range(300):
    os.write(1, block)
