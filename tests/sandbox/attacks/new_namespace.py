import ctypes

CLONE_NEWUTS, CLONE_NEWUSER = 0x04000000, 0x10000000


def f(victim):
    return ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWUTS) == 0
