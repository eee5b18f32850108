def f(victim):
    with open(f"/proc/{victim['pid']}/mem", "rb") as memory:
        return memory.readable()
