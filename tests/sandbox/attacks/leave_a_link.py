import os


def f(victim):
    os.symlink(victim["secret"], victim["new"])
    return os.path.islink(victim["new"])
