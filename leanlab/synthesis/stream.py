"""The stream of random numbers that targets and data are drawn from: the one of labkit."""

from leanlab.labkit.stream import Stream

__all__ = ["Stream"]
