import socket


def f(victim):
    with socket.socket(socket.AF_UNIX) as unix:
        unix.connect(victim["unix"])
        return True
