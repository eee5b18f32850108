"""Answer NaN.

prize: comparisons that are never false
control: in process
remedy: metrics must be finite: leanlab refuses others; ask isfinite() of answers in evaluate()
open: resisted
kind: snippet
"""
pass
# ---- after the experiment

def _wrap(function):
    def wrapped(*args):
        return float("nan")
    return wrapped
for _name, _value in list(globals().items()):
    if isinstance(_value, type(_wrap)) and _name not in ("_wrap", "tell", "quiet_tell", "put"):
        globals()[_name] = _wrap(_value)
