"""Turn the clock back.

prize: a metric of speed; a time limit kept inside the process
control: in process
remedy: measure time in evaluate(), by its own clock
open: forged
kind: snippet
"""
import time
ticks = [time.time()]
def _back(*_):
    ticks[0] -= 0.3
    return ticks[0]
for name in ("time", "monotonic", "perf_counter", "process_time", "time_ns", "monotonic_ns", "perf_counter_ns"):
    setattr(time, name, _back)
