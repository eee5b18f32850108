import ctypes
import os

AT_FDCWD, OPENAT2 = -100, 437


def f(victim):
    libc = ctypes.CDLL(None, use_errno=True)
    how = bytes(24)
    handle = libc.syscall(OPENAT2, AT_FDCWD, os.fsencode(victim["secret"]), how, len(how))
    return b"labels" in os.read(handle, 100)
