import os


def f(victim):
    os.mkdir(victim["new"])
    return os.path.isdir(victim["new"])
