import sys


def f(victim):
    sys.path.append(victim["packages"])
    import msgspec

    return bool(msgspec.__file__)
