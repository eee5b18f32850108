import socket


def f(victim):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        return udp.sendto(b"labels", ("127.0.0.1", victim["port"])) == 6
