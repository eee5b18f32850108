import os


def f(victim):
    return os.memfd_create("code") > 0
