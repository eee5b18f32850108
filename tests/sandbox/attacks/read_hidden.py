def f(victim):
    with open(victim["secret"]) as file:
        return "labels" in file.read()
