import ctypes

PTRACE_SEIZE = 0x4206


def f(victim):
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.ptrace(PTRACE_SEIZE, victim["bystander"], None, None) == 0
