import os


def f(victim):
    os.rename(victim["file"], victim["new"])
    return os.path.exists(victim["new"])
