"""Take all memory.

prize: a machine that swaps
control: not run: it could hurt this machine
remedy: limits.memory_mb in lab.json
open: resisted
kind: snippet
"""
hoard = []
for _ in range(T["memory_mb"] // 64 + 16):
    hoard.append(bytearray(64 << 20))
tell(T["limit_word"])
