import os


def f(victim):
    os.unlink(victim["file"])
    return not os.path.exists(victim["file"])
