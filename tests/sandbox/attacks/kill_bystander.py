import os


def f(victim):
    os.kill(victim["bystander"], 0)
    return True
