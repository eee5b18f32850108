import os


def f(victim):
    folder = os.open(os.path.dirname(victim["secret"]), os.O_PATH)
    handle = os.open(os.path.basename(victim["secret"]), os.O_RDONLY, dir_fd=folder)
    return b"labels" in os.read(handle, 100)
