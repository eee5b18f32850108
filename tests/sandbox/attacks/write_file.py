import os


def f(victim):
    os.close(os.open(victim["new"], os.O_CREAT | os.O_WRONLY))
    return os.path.exists(victim["new"])
