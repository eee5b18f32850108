import os


def f(victim):
    return os.system("exit 3") >> 8 == 3
