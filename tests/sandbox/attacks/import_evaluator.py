import sys


def f(victim):
    sys.path.append(victim["leanlab"])
    import leanlab.errors

    return bool(leanlab.errors.__file__)
