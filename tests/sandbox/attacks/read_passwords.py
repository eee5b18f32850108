def f(victim):
    with open("/etc/passwd") as file:
        return "root" in file.read()
