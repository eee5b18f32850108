import os


def f(victim):
    os.chmod(victim["file"], 0o600)
    return os.stat(victim["file"]).st_mode & 0o777 == 0o600
