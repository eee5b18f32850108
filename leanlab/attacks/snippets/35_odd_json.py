"""Answer in deep, double-keyed and boolean JSON.

prize: a reader that takes the last key, or falls over
control: in process
remedy: take replies through candidate.call with the type that you expect in returns
open: resisted
kind: snippet
"""
import atexit
atexit.register(lambda: print(T["doubled"], flush=True))
# ---- after the experiment

def _wrap(function):
    def wrapped(*args):
        deep = function(*args)
        wrapped.calls = getattr(wrapped, "calls", 0) + 1
        if wrapped.calls > 40:
            return deep
        for _ in range(20000):
            deep = [deep]
        return deep if wrapped.calls % 2 else {"a": True, "A": float("nan")}
    return wrapped
for _name, _value in list(globals().items()):
    if isinstance(_value, type(_wrap)) and _name not in ("_wrap", "tell", "quiet_tell", "put"):
        globals()[_name] = _wrap(_value)
