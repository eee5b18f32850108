import resource


def f(victim):
    before = resource.prlimit(victim["bystander"], resource.RLIMIT_NOFILE)
    resource.prlimit(victim["bystander"], resource.RLIMIT_NOFILE, (8, before[1]))
    return resource.prlimit(victim["bystander"], resource.RLIMIT_NOFILE)[0] == 8
