import fcntl


def f(victim):
    fcntl.fcntl(0, fcntl.F_SETOWN, victim["bystander"])
    return True
