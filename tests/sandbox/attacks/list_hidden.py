import os


def f(victim):
    return os.path.basename(victim["secret"]) in os.listdir(os.path.dirname(victim["secret"]))
