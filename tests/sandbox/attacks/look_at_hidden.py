import os


def f(victim):
    with os.scandir(os.path.dirname(victim["secret"])) as entries:
        sizes = {entry.name: entry.stat().st_size for entry in entries}
    return sizes["secret.txt"] == len("the labels")
