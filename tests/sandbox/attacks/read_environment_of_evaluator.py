def f(victim):
    with open(f"/proc/{victim['pid']}/environ", "rb") as environment:
        return len(environment.read()) > 0
