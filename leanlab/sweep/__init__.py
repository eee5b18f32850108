"""A grid of variants of one lab, run by worker processes, each attempt on disk as it happens."""
