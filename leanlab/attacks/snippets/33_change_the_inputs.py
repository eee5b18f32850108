"""Change inputs in place.

prize: a label that is computed from its input afterwards
control: in process
remedy: compute labels before, or from a copy; leanlab sends copies
open: forged
kind: snippet
"""
pass
# ---- after the experiment

def _wrap(function):
    def wrapped(*args):
        for value in args:
            for change in ("clear", "sort"):
                try:
                    getattr(value, change)()
                except Exception:
                    pass
        return function(*args)
    return wrapped
for _name, _value in list(globals().items()):
    if isinstance(_value, type(_wrap)) and _name not in ("_wrap", "tell", "quiet_tell", "put"):
        globals()[_name] = _wrap(_value)
