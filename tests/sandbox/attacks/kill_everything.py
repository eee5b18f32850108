import os


def f(victim):
    os.killpg(victim["bystander"], 0)
    return True
