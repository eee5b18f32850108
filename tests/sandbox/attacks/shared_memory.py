import ctypes

IPC_CREAT = 0o1000


def f(victim):
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.shmget(0, 4096, IPC_CREAT | 0o600)
    libc.shmctl(handle, 0, None)
    return handle >= 0
