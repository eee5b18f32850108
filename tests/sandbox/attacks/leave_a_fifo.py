import os


def f(victim):
    os.mkfifo(victim["new"])
    return os.path.exists(victim["new"])
